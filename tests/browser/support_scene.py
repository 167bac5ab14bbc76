"""A server that has something to show on every page: an empty page finds no fault with anything."""

from dataclasses import dataclass, replace

import httpx

from tests.contract.client import Target, put_object

from .support import folder_path, png

USER = "member-1"
# Nothing in it can be broken at a hyphen or a space: what holds it has to break it anywhere.
LONG = "long" * 20
FOLDER = f"2026-{LONG}"
IMAGE = f"map-{LONG}.png"


@dataclass(frozen=True, slots=True)
class Scene:
    """What was seeded. job: the id of one that has ended."""

    bucket: str
    public: str
    job: str


@dataclass(frozen=True, slots=True)
class Place:
    """A page, and what is seen on it with its data. refusal: what the browser complains of meanwhile."""

    path: str
    shows: str
    refusal: str = ""


def seed(target: Target, service: httpx.Client) -> Scene:
    """Fill a fresh server: buckets with objects of several kinds, a job, denials."""
    scene = Scene(bucket=f"reports-{LONG}", public="pictures", job="")
    scene = replace(scene, job=_seed_rows(service, scene))
    with target.connect(target.token("authenticated", sub=USER)) as user:
        user.delete(f"/object/{scene.bucket}/{FOLDER}/q1.txt")
    return scene


def _seed_rows(service: httpx.Client, scene: Scene) -> str:
    limits = {"file_size_limit": 5 * 1024 * 1024, "allowed_mime_types": ["image/*"]}
    service.post("/bucket", json={"name": scene.bucket})
    service.post("/bucket", json={"name": scene.public, "public": True} | limits)
    for number in range(1, 5):
        put_object(service, scene.bucket, f"{FOLDER}/q{number}.txt", b"first quarter\n" * number)
        put_object(service, scene.bucket, f"drafts/{number}.txt")
    put_object(service, scene.bucket, IMAGE, png(), {"content-type": "image/png"})
    put_object(service, scene.public, IMAGE, png(), {"content-type": "image/png"})
    move = {"bucket": scene.bucket, "prefix": "drafts/", "to_prefix": f"old-{LONG}/"}
    answer = service.post("/folder/move", json=move)
    assert answer.is_success, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def places(scene: Scene) -> dict[str, Place]:
    """Every route of somebody with a service key, and each of its parts."""
    folder, preview = folder_path(scene.bucket), f"preview={FOLDER}%2Fq1.txt"
    inside = folder_path(scene.bucket, f"{FOLDER}/")
    settings = {
        "appearance": "Comfortable",
        "configuration": "AEROSTORE_JWT_SECRET",
        "sessions": "this one",
        "audit": "Signed in",
        "about": "Python",
    }
    return {
        "buckets": Place("", scene.bucket),
        "bucket-settings": Place(f"buckets/{scene.public}/-/settings", "Access and limits"),
        "bucket-policies": Place(f"buckets/{scene.bucket}/-/policies", "owners manage their own objects"),
        "folder": Place(folder, IMAGE),
        "preview": Place(f"{inside}?{preview}", "first quarter"),
        "details": Place(f"{inside}?{preview}&tab=details", "ETag"),
        "metadata": Place(f"{inside}?{preview}&tab=metadata", "Cache"),
        "share": Place(f"{inside}?{preview}&tab=share", "Create signed URL"),
        "picture": Place(f"{folder_path(scene.public)}?preview={IMAGE}&tab=share", "Public URL"),
        "no-object": Place(f"{folder}?preview=gone.txt", "This object is not there", "status of 404"),
        "no-bucket": Place(folder_path("nowhere"), "There is no such bucket", "status of 404"),
        "search": Place(f"{folder}?q=q&scope=bucket", "q1.txt"),
        "policies": Place("policies", "owners manage their own objects"),
        "coverage": Place("policies?view=coverage", scene.public),
        "simulator": Place(
            f"policies/simulator?role=anon&op=download&bucket={scene.bucket}&name={IMAGE}", "Denied"
        ),
        "jobs": Place("jobs", "Move a folder"),
        "job": Place(f"jobs/{scene.job}", "old-"),
        "metrics": Place("metrics?range=15m", "Latency"),
        "no-page": Place("nowhere/at/all", "This address leads nowhere."),
    } | {f"settings-{part}": Place(f"settings?part={part}", shows) for part, shows in settings.items()}


NAMES = tuple(places(Scene("", "", "")))
"""The names of all places, for parameters of tests."""
