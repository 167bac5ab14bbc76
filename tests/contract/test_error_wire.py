"""How failures look: credentials, schemas, bodies, unknown routes and true statuses on request."""

import time
from collections.abc import Callable

import httpx
import jwt
import pytest

from .client import (
    NO_SUCH_KEY,
    ROLE_DENIED,
    Target,
    WireError,
    error_of,
    invalid_request,
    invalid_token,
    object_path,
    put_object,
    unique,
)

MISSING_HEADER = invalid_request("headers must have required property 'authorization'")
MALFORMED = invalid_token("Invalid Compact JWS")
EXPIRED = invalid_token('"exp" claim timestamp check failed')
EARLY = invalid_token('"nbf" claim timestamp check failed')
FORGED = invalid_token("signature verification failed")
ALGORITHM = invalid_token('"alg" (Algorithm) Header Parameter value not allowed')
OTHER_SECRET = "another-secret-that-is-long-enough-for-hs256"
CLAIMS = {"role": "service_role", "sub": "intruder"}

GUARDED_ROUTES = [
    ("GET", "/bucket"),
    ("GET", "/bucket/b"),
    ("POST", "/bucket/b/empty"),
    ("DELETE", "/bucket/b"),
    ("POST", "/object/b/a"),
    ("PUT", "/object/b/a"),
    ("DELETE", "/object/b/a"),
    ("GET", "/object/authenticated/b/a"),
    ("GET", "/object/info/authenticated/b/a"),
    ("POST", "/object/upload/sign/b/a"),
]
GUARDED_JSON_ROUTES = [
    ("POST", "/bucket", {"name": "b"}),
    ("PUT", "/bucket/b", {"public": True}),
    ("DELETE", "/object/b", {"prefixes": ["a"]}),
    ("POST", "/object/copy", {"bucketId": "b", "sourceKey": "a", "destinationKey": "c"}),
    ("POST", "/object/move", {"bucketId": "b", "sourceKey": "a", "destinationKey": "c"}),
    ("POST", "/object/list/b", {"prefix": ""}),
    ("POST", "/object/list-v2/b", {}),
    ("POST", "/object/sign/b/a", {"expiresIn": 60}),
    ("POST", "/object/sign/b", {"expiresIn": 60, "paths": ["a"]}),
]


class TestCredentials:
    @pytest.mark.parametrize(("method", "path"), GUARDED_ROUTES)
    def test_missing_header_is_named(self, nobody: httpx.Client, method: str, path: str) -> None:
        assert error_of(nobody.request(method, path)) == MISSING_HEADER

    @pytest.mark.parametrize(("method", "path", "body"), GUARDED_JSON_ROUTES)
    def test_missing_header_is_named_after_a_good_body(
        self, nobody: httpx.Client, method: str, path: str, body: dict[str, object]
    ) -> None:
        assert error_of(nobody.request(method, path, json=body)) == MISSING_HEADER

    @pytest.mark.parametrize(("method", "path", "body"), GUARDED_JSON_ROUTES)
    def test_every_guarded_route_checks_the_token(
        self, nobody: httpx.Client, method: str, path: str, body: dict[str, object]
    ) -> None:
        answer = nobody.request(method, path, json=body, headers={"authorization": "Bearer x.y.z"})
        assert error_of(answer) == MALFORMED

    @pytest.mark.parametrize("value", ["Bearer", "Bearer x", "x", "Bearer a.b.c.d", "Basic YTpi"])
    def test_malformed_token_is_refused(self, nobody: httpx.Client, value: str) -> None:
        assert error_of(nobody.get("/bucket", headers={"authorization": value})) == MALFORMED

    @pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "BEARER ", ""])
    def test_scheme_ignores_case_and_may_be_absent(
        self, nobody: httpx.Client, target: Target, prefix: str
    ) -> None:
        header = prefix + target.token("service_role")
        assert nobody.get("/bucket", headers={"authorization": header}).status_code == 200

    @pytest.mark.parametrize(
        ("claims", "expected"),
        [({"exp": int(time.time()) - 1}, EXPIRED), ({"nbf": int(time.time()) + 3600}, EARLY)],
        ids=["expired", "early"],
    )
    def test_validity_period_is_enforced(
        self, nobody: httpx.Client, target: Target, claims: dict[str, int], expected: WireError
    ) -> None:
        token = target.token("service_role", **claims)
        assert error_of(nobody.get("/bucket", headers={"authorization": f"Bearer {token}"})) == expected

    @pytest.mark.parametrize(
        ("mint", "expected"),
        [
            (lambda _: jwt.encode(CLAIMS, OTHER_SECRET, algorithm="HS256"), FORGED),
            (lambda _: jwt.encode(CLAIMS, "", algorithm="none"), ALGORITHM),
            (lambda secret: jwt.encode(CLAIMS, secret * 2, algorithm="HS512"), ALGORITHM),
        ],
        ids=["other secret", "alg none", "HS512"],
    )
    def test_forged_token_is_refused(
        self, nobody: httpx.Client, target: Target, mint: Callable[[str], str], expected: WireError
    ) -> None:
        answer = nobody.get("/bucket", headers={"authorization": f"Bearer {mint(target.secret)}"})
        assert error_of(answer) == expected

    @pytest.mark.parametrize(
        "header", [{"crit": ["x"], "x": 1}, {"jku": "http://127.0.0.1:9/"}, {"kid": "../../x"}]
    )
    def test_token_headers_never_choose_the_key(
        self, nobody: httpx.Client, header: dict[str, object]
    ) -> None:
        token = jwt.encode(CLAIMS, OTHER_SECRET, algorithm="HS256", headers=header)
        error = error_of(nobody.get("/bucket", headers={"authorization": f"Bearer {token}"}))
        assert (error.status, error.status_code, error.error) == (400, "403", "Unauthorized")

    def test_token_without_a_role_is_anon(self, target: Target, bucket: str) -> None:
        with target.connect(target.token(None)) as caller:
            assert error_of(put_object(caller, bucket, "a")).status_code == "403"
            assert caller.get("/bucket").json() == []

    @pytest.mark.parametrize("role", ["postgres", "", "SERVICE_ROLE", "service_role "])
    def test_unknown_role_is_denied(self, target: Target, role: str) -> None:
        with target.connect(target.token(role)) as caller:
            error = error_of(caller.get("/bucket"))
        assert error.status in (400, 403)
        assert error.status_code == "403"

    @pytest.mark.parametrize("role", [1, None, ["service_role"], {"service_role": True}], ids=str)
    def test_role_of_another_type_never_bypasses(self, target: Target, bucket: str, role: object) -> None:
        token = jwt.encode({"role": role}, target.secret, algorithm="HS256")
        with target.connect(token) as caller:
            assert error_of(put_object(caller, bucket, "a")).status_code == "403"

    def test_apikey_stands_in_for_a_missing_authorization(self, nobody: httpx.Client, target: Target) -> None:
        answer = nobody.get("/bucket", headers={"apikey": target.token("service_role")})
        assert answer.status_code == 200

    def test_authorization_wins_over_apikey(self, nobody: httpx.Client, target: Target, bucket: str) -> None:
        headers = {
            "apikey": target.token("service_role"),
            "authorization": f"Bearer {target.token('authenticated', sub='x')}",
        }
        assert nobody.get("/bucket", headers=headers).json() == []
        expired = headers | {"authorization": f"Bearer {target.token('service_role', exp=1)}"}
        assert error_of(nobody.get("/bucket", headers=expired)) == EXPIRED

    def test_schema_is_checked_before_the_token(self, nobody: httpx.Client) -> None:
        answer = nobody.post("/bucket", json={}, headers={"authorization": "Bearer x"})
        assert error_of(answer) == invalid_request("body must have required property 'name'")

    @pytest.mark.parametrize("role", ["anon", "authenticated"])
    def test_emptying_a_bucket_needs_the_service_role(self, target: Target, bucket: str, role: str) -> None:
        with target.connect(target.token(role, sub="someone")) as caller:
            assert error_of(caller.post(f"/bucket/{bucket}/empty")) == ROLE_DENIED


class TestBodies:
    @pytest.mark.parametrize("text", ["{", "{'a': 1}", "nope", '{"a": NaN}', "\x00"])
    def test_bad_json_is_said_to_be_bad(self, service: httpx.Client, text: str) -> None:
        answer = service.post("/bucket", content=text, headers={"content-type": "application/json"})
        message = "Body is not valid JSON but content-type is set to 'application/json'"
        assert error_of(answer) == WireError(400, "400", "FastifyError", message, "InvalidRequest")

    def test_empty_json_is_said_to_be_empty(self, service: httpx.Client) -> None:
        answer = service.post("/bucket", content=b"", headers={"content-type": "application/json"})
        message = "Body cannot be empty when content-type is set to 'application/json'"
        assert error_of(answer) == WireError(400, "400", "FastifyError", message, "InvalidRequest")

    @pytest.mark.parametrize("text", ["[]", "5", '"x"'])
    def test_body_of_another_type_must_be_an_object(self, service: httpx.Client, text: str) -> None:
        answer = service.post("/bucket", content=text, headers={"content-type": "application/json"})
        assert error_of(answer).message == "body must be object"

    def test_json_beyond_a_mebibyte_is_413(self, service: httpx.Client) -> None:
        answer = service.post("/bucket", json={"name": "x" * (1 << 20)})
        message = "Request body is too large"
        assert error_of(answer) == WireError(413, "413", "FastifyError", message, "EntityTooLarge")

    def test_unknown_fields_are_ignored(self, service: httpx.Client) -> None:
        assert service.post("/bucket", json={"name": unique("extra"), "unknown": [1]}).status_code == 200

    def test_deeply_nested_json_is_refused_politely(self, service: httpx.Client) -> None:
        text = '{"name":' + "[" * 100_000 + "]" * 100_000 + "}"
        answer = service.post("/bucket", content=text, headers={"content-type": "application/json"})
        assert error_of(answer).status_code == "400"


class TestRoutes:
    @pytest.mark.parametrize("path", ["/bucket/a/b/c", "/object"])
    def test_unknown_route_below_a_noun_is_a_true_404(self, service: httpx.Client, path: str) -> None:
        expected = WireError(404, "404", "Not Found", f"Route GET:{path} not found", "InvalidRequest")
        assert error_of(service.get(path)) == expected

    @pytest.mark.parametrize("path", ["/nowhere", "/", "/.env", "/admin.php"])
    def test_unknown_route_elsewhere_is_a_true_404(self, service: httpx.Client, path: str) -> None:
        answer = service.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"] == "Not Found"

    @pytest.mark.parametrize("method", ["PATCH", "TRACE", "PROPFIND", "BREW"])
    def test_unknown_method_is_refused(self, service: httpx.Client, method: str) -> None:
        assert service.request(method, "/bucket").status_code in (400, 404, 405, 501)

    def test_bucket_with_the_name_of_a_route_is_shadowed(self, service: httpx.Client) -> None:
        assert error_of(service.get("/object/list/x")).message == "Bucket not found"


class TestAdditions:
    def test_errors_carry_a_hint_and_the_request_id(self, service: httpx.Client, bucket: str) -> None:
        body = service.get(object_path(bucket, "absent")).json()
        assert list(body) == ["statusCode", "error", "message", "code", "hint", "request_id"]
        assert body["request_id"]

    def test_request_ids_differ(self, service: httpx.Client, bucket: str) -> None:
        answers = [service.get(object_path(bucket, "absent")).json() for _ in range(2)]
        assert answers[0]["request_id"] != answers[1]["request_id"]

    def test_strict_status_gives_true_statuses(self, service: httpx.Client, bucket: str) -> None:
        strict = {"prefer": "strict-status"}
        put_object(service, bucket, "a")
        assert service.get(object_path(bucket, "absent"), headers=strict).status_code == 404
        assert service.head(object_path(bucket, "absent"), headers=strict).status_code == 404
        assert put_object(service, bucket, "a", b"x", strict).status_code == 409
        assert service.post("/bucket", json={}, headers=strict).status_code == 400
        assert service.get("/bucket", headers=strict | {"authorization": "Bearer x"}).status_code in (
            401,
            403,
        )

    def test_strict_status_keeps_the_body(self, service: httpx.Client, bucket: str) -> None:
        answer = service.get(object_path(bucket, "absent"), headers={"prefer": "strict-status"})
        error = error_of(answer)
        assert error == WireError(
            404, NO_SUCH_KEY.status_code, NO_SUCH_KEY.error, NO_SUCH_KEY.message, "NoSuchKey"
        )

    def test_errors_are_not_cached(self, service: httpx.Client, bucket: str) -> None:
        cache_control = service.get(object_path(bucket, "absent")).headers.get("cache-control", "no-store")
        assert "public" not in cache_control
        assert "max-age" not in cache_control
