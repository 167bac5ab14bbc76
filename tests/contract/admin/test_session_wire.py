"""Signing in to the admin UI, over a real socket: the cookie, what it opens, and what ends it."""

import base64
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.contract.admin.browser import COOKIE, CSRF, Browser, code_of, signed_in
from tests.contract.client import Target, unique

NOBODY = (401, "SessionRequired")


@pytest.fixture
def browser(target: Target) -> Iterator[Browser]:
    with Browser(target) as opened:
        yield opened


@pytest.fixture
def admin(target: Target) -> Iterator[Browser]:
    with signed_in(target) as opened:
        yield opened


class TestSigningIn:
    def test_a_service_key_gives_a_session_and_is_not_repeated(
        self, target: Target, browser: Browser
    ) -> None:
        token = target.token("service_role")
        answer = browser.sign_in(token)
        session = answer.json()["session"]
        assert (session["role"], session["sub"], session["is_service"]) == ("service_role", None, True)
        assert session["is_current"]
        assert session["address"] == target.address[0]
        assert token not in answer.text + str(answer.headers)
        assert answer.headers["cache-control"] == "no-store"

    def test_a_users_token_gives_what_it_says(self, target: Target, browser: Browser) -> None:
        exp = int(time.time()) + 600
        session = browser.sign_in(target.token("authenticated", sub="u1", exp=exp)).json()["session"]
        assert (session["role"], session["sub"], session["is_service"]) == ("authenticated", "u1", False)
        assert session["claims"] == {"role": "authenticated", "sub": "u1", "exp": exp}
        assert session["expires_at"] is not None

    def test_the_cookie_is_for_this_path_and_for_no_script(self, target: Target, browser: Browser) -> None:
        cookie = browser.sign_in(target.token("service_role")).headers["set-cookie"]
        name, *flags = cookie.split("; ")
        assert name == f"{COOKIE}={browser.secret}"
        assert flags == ["Path=/admin", "HttpOnly", "SameSite=Strict"]

    def test_over_https_the_cookie_is_secure_also_behind_a_proxy(
        self, target: Target, browser: Browser
    ) -> None:
        answer = browser.sign_in(target.token("service_role"), origin="https://files.example")
        name, *flags = answer.headers["set-cookie"].split("; ")
        assert name.startswith(f"__Secure-{COOKIE}=")
        assert flags == ["Path=/admin", "HttpOnly", "SameSite=Strict", "Secure"]

    @pytest.mark.parametrize("header", ["x-forwarded-proto", "forwarded"])
    def test_what_anybody_can_say_of_a_proxy_changes_no_flag(
        self, target: Target, browser: Browser, header: str
    ) -> None:
        answer = browser.sign_in(target.token("service_role"), **{header: "https"})
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=")

    def test_behind_a_proxy_the_cookie_is_for_the_path_in_the_browser(
        self, target: Target, browser: Browser
    ) -> None:
        answer = browser.sign_in(target.token("service_role"), **{"x-aerostore-base": "/files/admin/"})
        assert "; Path=/files/admin;" in answer.headers["set-cookie"]

    @pytest.mark.parametrize(
        "base", ["/", "/files/", "admin/", "/a;Domain=example.org/admin/", "/x y/admin/"]
    )
    def test_a_path_that_is_not_the_uis_is_refused(self, target: Target, browser: Browser, base: str) -> None:
        answer = browser.sign_in(target.token("service_role"), **{"x-aerostore-base": base})
        assert code_of(answer)[0] == 400
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("body", [{}, {"key": 5.5}, {"key": None}, {"token": "x"}, []], ids=str)
    def test_a_body_without_a_token_is_refused(self, browser: Browser, body: object) -> None:
        assert code_of(browser.post("api/session", json=body))[0] in {400, 403}

    def test_to_sign_in_again_ends_the_session_before(self, target: Target, admin: Browser) -> None:
        before = admin.secret
        admin.sign_in(target.token("service_role"))
        assert admin.secret != before
        with Browser(target) as other:
            other.cookies.set(COOKIE, before)
            assert other.session() is None


class TestWhatASessionOpens:
    def test_the_public_api_is_there_with_its_own_answers(
        self, admin: Browser, service: httpx.Client
    ) -> None:
        name = unique("admin")
        assert admin.post("storage/v1/bucket", json={"name": name}).json() == {"name": name}
        assert admin.get(f"storage/v1/bucket/{name}").json() == service.get(f"/bucket/{name}").json()

    def test_a_user_sees_what_policies_let_it_see(self, target: Target, bucket: str) -> None:
        with (
            signed_in(target, "authenticated", sub="one") as one,
            signed_in(target, "authenticated", sub="two") as two,
        ):
            assert one.post(f"storage/v1/object/{bucket}/a", content=b"mine").status_code == 200
            assert one.get(f"storage/v1/object/authenticated/{bucket}/a").content == b"mine"
            refused = two.get(f"storage/v1/object/authenticated/{bucket}/a")
            assert code_of(refused) == (404, "NoSuchKey")

    def test_errors_have_their_true_status(self, admin: Browser) -> None:
        assert code_of(admin.get("storage/v1/bucket/missing")) == (404, "NoSuchBucket")
        assert code_of(admin.get("storage/v1/nowhere"))[0] == 404
        assert code_of(admin.get("api/nowhere"))[0] == 404

    def test_a_token_in_a_header_counts_for_nothing(self, target: Target, browser: Browser) -> None:
        token = target.token("service_role")
        for headers in ({"authorization": f"Bearer {token}"}, {"apikey": token}):
            assert code_of(browser.get("storage/v1/bucket", headers=headers)) == NOBODY
            assert code_of(browser.get("api/config", headers=headers)) == NOBODY

    def test_a_token_beside_the_cookie_changes_nothing(self, target: Target) -> None:
        with signed_in(target, "anon") as browser:
            headers = {"authorization": f"Bearer {target.token('service_role')}"}
            answer = browser.post("storage/v1/bucket", json={"name": unique("x")}, headers=headers)
            assert answer.status_code == 403

    @pytest.mark.parametrize(
        "path", ["bucket", "object/public/b/n", "object/sign/b/n?token=x", "status", "s3"]
    )
    def test_without_a_session_no_path_of_the_storage_answers(self, browser: Browser, path: str) -> None:
        assert browser.get(f"storage/v1/{path}").status_code in {401, 405}

    def test_s3_is_not_there(self, admin: Browser) -> None:
        assert admin.get("storage/v1/s3/").status_code == 405

    def test_an_upload_goes_on_below_admin(self, admin: Browser, bucket: str) -> None:
        tus = {"tus-resumable": "1.0.0"}
        metadata = f"bucketName {_base64(bucket)},objectName {_base64('a b')}"
        created = admin.post(
            "storage/v1/upload/resumable",
            headers={**tus, "upload-length": "4", "upload-metadata": metadata},
        )
        upload = admin.location(created)
        assert upload.startswith(f"{admin.root}/admin/storage/v1/upload/resumable/")
        more = {**tus, "upload-offset": "0", "content-type": "application/offset+octet-stream"}
        assert admin.patch(upload, headers=more, content=b"1234").status_code == 204
        assert admin.get(f"storage/v1/object/authenticated/{bucket}/a%20b").content == b"1234"

    def test_a_signed_url_is_good_for_anybody(self, admin: Browser, bucket: str) -> None:
        name = "a #b?/100%25 \u65e5.txt"
        assert admin.post(f"storage/v1/object/{bucket}/{quote(name)}", content=b"x").status_code == 200
        asked = {"bucket": bucket, "name": name, "expires_in_s": 60, "download": "c d.txt"}
        link = admin.post("api/objects/sign", json=asked).json()
        with httpx.Client(trust_env=False) as anybody:
            answer = anybody.get(str(admin.base_url.join(link["url"])))
        assert answer.content == b"x"
        assert "filename=c%20d.txt" in answer.headers["content-disposition"]
        assert admin.get(link["path"]).content == b"x"
        assert "/admin/" not in str(admin.base_url.join(link["url"]))

    @pytest.mark.parametrize("kept", ["no-store", "public, max-age=3600"])
    def test_no_file_says_who_else_may_show_it(self, admin: Browser, bucket: str, kept: str) -> None:
        admin.post(f"storage/v1/object/{bucket}/a", content=b"x", headers={"cache-control": kept})
        shown = admin.get(f"storage/v1/object/authenticated/{bucket}/a")
        assert shown.headers.get_list("cross-origin-resource-policy") == ["same-origin"]

    def test_a_browser_asks_again_before_it_shows_a_file(self, admin: Browser, bucket: str) -> None:
        """Somebody else may be signed in by then."""
        kept = {"cache-control": "public, max-age=3600"}
        admin.post(f"storage/v1/object/{bucket}/a", content=b"x", headers=kept)
        shown = admin.get(f"storage/v1/object/authenticated/{bucket}/a")
        assert shown.headers.get_list("cache-control") == ["private, no-cache"]
        assert shown.headers.get_list("cross-origin-resource-policy") == ["same-origin"]
        again = {"if-none-match": shown.headers["etag"]}
        assert admin.get(f"storage/v1/object/authenticated/{bucket}/a", headers=again).status_code == 304
        link = admin.post("api/objects/sign", json={"bucket": bucket, "name": "a", "expires_in_s": 60}).json()
        assert "expires" not in admin.get(link["path"]).headers
        assert admin.get("storage/v1/bucket").headers.get_list("cache-control") == ["no-store"]

    def test_signing_is_for_those_who_may_read(self, target: Target, admin: Browser, bucket: str) -> None:
        admin.post(f"storage/v1/object/{bucket}/a", content=b"x")
        with signed_in(target, "authenticated", sub="stranger") as stranger:
            asked = {"bucket": bucket, "name": "a", "expires_in_s": 60}
            assert code_of(stranger.post("api/objects/sign", json=asked)) == (404, "NoSuchKey")


class TestThePublicApi:
    def test_the_cookie_does_nothing_there(self, target: Target, admin: Browser, bucket: str) -> None:
        cookie = {"cookie": f"{COOKIE}={admin.secret}; __Secure-{COOKIE}={admin.secret}", **CSRF}
        admin.post(f"storage/v1/object/{bucket}/a", content=b"x")
        with target.connect(None) as nobody:
            for path in ("/bucket", f"/object/authenticated/{bucket}/a"):
                answer = nobody.get(path, headers=cookie)
                assert (answer.status_code, answer.json()["message"]) == (
                    400,
                    "headers must have required property 'authorization'",
                )
            assert nobody.get(f"/object/{bucket}/a", headers=cookie).is_error
            assert nobody.delete(f"/object/{bucket}/a", headers=cookie).is_error
            assert nobody.post("/admin/explain", json={}, headers=cookie).is_error


class TestOtherSites:
    def test_a_change_without_the_header_is_refused(self, target: Target, admin: Browser) -> None:
        for method, path in (
            ("POST", "storage/v1/bucket"),
            ("DELETE", "storage/v1/bucket/b"),
            ("PUT", "storage/v1/object/b/n"),
            ("POST", "storage/v1/upload/resumable"),
            ("POST", "api/session"),
            ("DELETE", "api/session"),
            ("DELETE", "api/sessions"),
            ("POST", "api/policies/explain"),
        ):
            answer = admin.request(method, path, headers={"x-aerostore-csrf": ""})
            assert answer.status_code == 403, path
        assert admin.session() is not None

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_another_site_is_refused_whatever_it_asks(self, admin: Browser, site: str) -> None:
        headers = {"sec-fetch-site": site}
        assert code_of(admin.get("storage/v1/bucket", headers=headers)) == (403, "CrossSiteRequest")
        assert code_of(admin.post("api/session", json={}, headers=headers)) == (403, "CrossSiteRequest")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://"])
    def test_an_older_browser_is_known_by_its_origin(self, admin: Browser, origin: str) -> None:
        headers = {"sec-fetch-site": "", "origin": origin}
        answer = admin.post("storage/v1/bucket", json={"name": unique("x")}, headers=headers)
        assert code_of(answer) == (403, "CrossSiteRequest")
        ours = {"sec-fetch-site": "", "origin": admin.root}
        assert admin.post("storage/v1/bucket", json={"name": unique("x")}, headers=ours).status_code == 200

    def test_no_other_origin_is_granted_anything(self, admin: Browser) -> None:
        headers = {
            "origin": "https://evil.example",
            "sec-fetch-site": "cross-site",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-aerostore-csrf",
        }
        for path in ("storage/v1/bucket", "api/session", "storage/v1/upload/resumable"):
            answer = admin.options(path, headers=headers)
            assert answer.is_error
            assert not [name for name in answer.headers if name.startswith("access-control-allow")]

    def test_answers_are_for_pages_of_this_origin(self, admin: Browser) -> None:
        for path in ("api/session", "storage/v1/bucket", "storage/v1/bucket/missing"):
            assert admin.get(path).headers["cross-origin-resource-policy"] == "same-origin"


class TestEnding:
    def test_signing_out_ends_the_session_and_takes_the_cookie(self, target: Target, admin: Browser) -> None:
        secret = admin.secret
        answer = admin.delete("api/session")
        assert answer.json() == {"session": None}
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0; Path=/admin")
        with Browser(target) as thief:
            thief.cookies.set(COOKIE, secret)
            assert code_of(thief.get("api/config")) == NOBODY

    def test_to_sign_out_twice_is_well(self, browser: Browser) -> None:
        assert browser.delete("api/session").json() == {"session": None}

    def test_a_revoked_session_is_refused_at_its_next_request(self, target: Target, admin: Browser) -> None:
        with signed_in(target, "authenticated", sub="u1") as user:
            session = user.session()
            shown = {each["id"]: each for each in admin.get("api/sessions").json()["sessions"]}
            assert shown[session["id"]] == {**session, "is_current": False}
            assert admin.delete(f"api/sessions/{session['id']}").json() == {"revoked": 1}
            assert code_of(user.get("storage/v1/bucket")) == NOBODY
            assert code_of(admin.delete(f"api/sessions/{session['id']}"))[0] == 404

    def test_all_others_are_revoked_together(self, target: Target, admin: Browser) -> None:
        with signed_in(target) as other:
            assert admin.delete("api/sessions").json()["revoked"] >= 1
            assert other.session() is None
            assert admin.session() is not None

    def test_a_token_that_ends_takes_its_session_with_it(self, target: Target) -> None:
        with signed_in(target, "authenticated", sub="u1", exp=int(time.time()) + 2) as user:
            assert user.get("storage/v1/bucket").status_code == 200
            deadline = time.monotonic() + 10
            while user.session() is not None and time.monotonic() < deadline:
                time.sleep(0.1)  # the server is another process: there is no clock to pass in
            assert code_of(user.get("storage/v1/bucket")) == NOBODY

    @pytest.mark.parametrize("secret", ["", "x" * 43, "a" * 4000, "%00", '"quoted"', "a=b; c"])
    def test_any_other_cookie_is_nobody(self, browser: Browser, secret: str) -> None:
        headers = {"cookie": f"{COOKIE}={secret}"}
        assert code_of(browser.get("api/config", headers=headers)) == NOBODY

    def test_a_cookie_that_only_https_sets_is_not_outdone_by_another(
        self, target: Target, admin: Browser
    ) -> None:
        with signed_in(target, "authenticated", sub=unique("planted")) as planted:
            cookies = f"aerostore-admin={planted.secret}; __Secure-aerostore-admin={admin.secret}"
            admin.cookies.clear()
            headers = {"cookie": cookies}
            assert admin.get("api/session", headers=headers).json()["session"]["role"] == "service_role"
            assert admin.delete("api/session", headers=headers).status_code == 200
            assert admin.get("api/session", headers=headers).json() == {"session": None}
            assert planted.session() is None

    def test_of_several_cookies_the_one_that_is_good_counts(self, target: Target, admin: Browser) -> None:
        with Browser(target) as browser:
            cookie = f"{COOKIE}={'x' * 43}; other=1; {COOKIE}={admin.secret}"
            assert browser.get("api/config", headers={"cookie": cookie}).status_code == 200


class TestConfiguration:
    def test_settings_are_shown_without_secrets_and_to_the_service_only(
        self, target: Target, admin: Browser
    ) -> None:
        answer = admin.get("api/config")
        shown = {each["name"]: each for each in answer.json()["server"]["settings"]}
        assert target.secret not in answer.text
        assert shown["jwt_secret"]["is_secret"] and shown["jwt_secret"]["value"] is None
        assert shown["jwt_secret"]["source"] == "environment"
        assert shown["signing_keys"]["source"] == "generated"
        assert (shown["max_requests"]["value"], shown["max_requests"]["source"]) == (512, "default")
        with signed_in(target, "authenticated", sub="u1") as user:
            assert user.get("api/config").json()["server"] is None

    def test_the_database_password_is_not_shown(self, admin: Browser) -> None:
        for each in admin.get("api/config").json()["server"]["settings"]:
            assert "@" not in str(each["value"]), each["name"]

    def test_health_is_for_everybody(self, browser: Browser) -> None:
        assert browser.get("api/health").json()["healthy"] is True


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
