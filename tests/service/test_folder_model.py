"""Folder operations beside a dictionary: whatever is asked, in whatever order, both hold the same."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aerostore.domain import JobState
from aerostore.errors import StorageError
from tests.service.conftest import MakeStage, in_memory
from tests.service.folder_scene import FolderScene

SEGMENT = st.sampled_from(["a", "b", "é"])
FOLDER = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/")
NAME = st.tuples(st.one_of(st.just(""), FOLDER), SEGMENT).map("".join)
Step = tuple[str, str, str, str]
PUT: st.SearchStrategy[Step] = st.tuples(st.just("put"), NAME, st.just(""), st.just(""))
STEPS = st.lists(
    st.one_of(
        *[PUT] * 4,  # so that some folders become jobs
        st.tuples(
            st.sampled_from(["move", "copy"]),
            FOLDER,
            st.one_of(st.just(""), FOLDER),
            st.sampled_from(["fail", "skip", "replace"]),
        ),
        st.tuples(st.just("delete"), FOLDER, st.just(""), st.just("")),
    ),
    min_size=12,
    max_size=30,
)
Model = dict[str, bytes]


def foretold(model: Model, kind: str, prefix: str, to: str, conflict: str) -> Model | None:
    """Return what is there afterwards; None when the whole folder is refused."""
    inside = {name: content for name, content in model.items() if name.startswith(prefix)}
    if kind == "delete":
        return {name: content for name, content in model.items() if name not in inside} if inside else None
    moved = {name: to + name[len(prefix) :] for name in inside}
    if not inside or to.startswith(prefix) or any(new.startswith(prefix) for new in moved.values()):
        return None
    taken = {name for name, new in moved.items() if new in model}
    if taken and conflict == "fail":
        return None
    after = dict(model)
    for name in sorted(inside.keys() - (taken if conflict == "skip" else set())):
        after[moved[name]] = inside[name]
        if kind == "move":
            del after[name]
    return after


def stored(scene: FolderScene) -> Model:
    return {name: scene.stage.get(name) for name in scene.names()}


@in_memory
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_folders_do_what_a_dictionary_does(make_stage: MakeStage, steps: list[Step]) -> None:
    scene, model = FolderScene(make_stage()), Model()
    for number, (kind, first, to, conflict) in enumerate(steps):
        if kind == "put":
            model[first] = f"{number}".encode()
            scene.stage.put(first, model[first], upsert=True)
            continue
        expected = foretold(model, kind, first, to, conflict)
        try:
            job = scene.finished(kind, first, to, conflict=conflict or "fail")
        except StorageError:
            assert expected is None, (kind, first, to, conflict)
        else:
            assert (job.state is JobState.DONE) == (expected is not None), (
                kind,
                first,
                to,
                conflict,
                job.error,
            )
        model = model if expected is None else expected
        assert stored(scene) == model
