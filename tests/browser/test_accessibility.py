"""Scenario 19: pages, dialogs and menus as axe sees them in both themes; small screens, motion, focus."""

import shutil
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.contract.client import Target, put_object

from .conftest import NewContext
from .support import folder_path, picture, start_session, violations, visit
from .support_scene import FOLDER, IMAGE, LONG, NAMES, Place, Scene, places, seed
from .support_server import ROOT, Server
from .support_watch import Watch

COLOURS = ["color-contrast", "link-in-text-block"]
SMALL: ViewportSize = {"width": 320, "height": 640}
# What is wider than its box, with the way to it: an inner box that scrolls is for tables and code only.
# Plots are drawn anew some frames after the window has another size.
TOO_WIDE = """async () => {
  const find = () => [document.documentElement, ...document.querySelectorAll('main, [role=dialog]')]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => `${box.tagName}: ${box.scrollWidth} > ${box.clientWidth}: ` + [...box.querySelectorAll('*')]
      .filter((each) => each.getBoundingClientRect().right > box.clientWidth + 1)
      .map((each) => `${each.tagName}.${each.className}`).slice(0, 8));
  for (let frame = 0; frame < 60 && find().length > 0; frame += 1) await new Promise(requestAnimationFrame);
  return find();
}"""
LONGEST_MOTION = """() => Math.max(...[...document.querySelectorAll('*')].flatMap((each) => {
  const { transitionDuration, animationDuration } = getComputedStyle(each);
  return `${transitionDuration}, ${animationDuration}`.split(', ').map(parseFloat);
}))"""

Open = Callable[[Page, Target, Scene], Locator]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the scene alone: the long lists that other tests leave would take axe long."""
    directory = tmp_path_factory.mktemp("own")
    policies = directory / LONG / "policies"
    shutil.copytree(ROOT / "policies", policies)
    with Server(directory, policies_dir=policies) as server:
        yield server


@pytest.fixture(scope="module")
def scene(target: Target, service: httpx.Client) -> Scene:
    return seed(target, service)


def go_to(page: Page, target: Target, place: Place, watch: Watch) -> None:
    if place.refusal:
        watch.expect(place.refusal)
    visit(page, target, place.path)
    shown = page.get_by_role("main").get_by_text(place.shows).filter(visible=True)
    expect(shown.first).to_be_visible()


def faults(page: Page) -> list[str]:
    """Return what axe says in the light and in the dark; what a colour is differs, the rest does not."""
    page.emulate_media(color_scheme="light")
    light = violations(page)
    page.emulate_media(color_scheme="dark")
    return light + violations(page, COLOURS)


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_on_a_page_which_fits_a_small_screen(
    admin: Page, target: Target, scene: Scene, name: str, watch: Watch
) -> None:
    go_to(admin, target, places(scene)[name], watch)
    found = faults(admin)
    picture(admin, f"page-{name}-dark")
    admin.emulate_media(color_scheme="light")
    admin.set_viewport_size(SMALL)
    found += admin.evaluate(TOO_WIDE)
    picture(admin, f"small-{name}")
    assert found == []


def test_axe_finds_nothing_before_signing_in(page: Page, target: Target) -> None:
    visit(page, target)
    expect(page.get_by_role("heading", name="Sign in to aerostore")).to_be_visible()
    assert faults(page) == []


def test_axe_finds_nothing_in_live_events(
    admin: Page, target: Target, scene: Scene, service: httpx.Client
) -> None:
    visit(admin, target, "events")
    expect(admin.get_by_role("main").get_by_text("Live")).to_be_visible()
    put_object(service, scene.bucket, "news.txt")
    expect(admin.get_by_role("main").get_by_text("news.txt")).to_be_visible()
    assert faults(admin) == []


def new_bucket(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target)
    opener = page.get_by_role("button", name="New bucket")
    opener.click()
    return opener


def empty_bucket(page: Page, target: Target, scene: Scene) -> Locator:
    opener = bucket_menu(page, target, scene)
    page.get_by_role("menuitem", name="Empty…").click()
    expect(page.get_by_role("dialog")).to_contain_text("will be deleted")
    return opener


def delete_bucket(page: Page, target: Target, scene: Scene) -> Locator:
    opener = bucket_menu(page, target, scene)
    page.get_by_role("menuitem", name="Delete…").click()
    expect(page.get_by_role("dialog")).to_contain_text("It holds")
    return opener


def make_public(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target, f"buckets/{scene.bucket}/-/settings")
    page.get_by_role("switch", name="Public").click()
    opener = page.get_by_role("button", name="Save")
    opener.click()
    return opener


def palette(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target)
    opener = page.get_by_role("button", name="Go to…")
    opener.click()
    page.keyboard.type(scene.bucket[:3])
    expect(page.get_by_role("dialog").get_by_text(scene.bucket)).to_be_visible()
    return opener


def key_help(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target)
    opener = page.get_by_role("button", name="New bucket")
    opener.focus()
    page.keyboard.press("?")
    return opener


def in_folder(page: Page, target: Target, scene: Scene, label: str) -> Locator:
    """Open the bucket, and select a row. The grid gets the focus back: what dialogs did is seen there."""
    visit(page, target, folder_path(scene.bucket))
    grid = page.get_by_role("grid")
    grid.get_by_role("row").filter(has=page.get_by_text(label, exact=True)).click()
    return grid


def new_folder(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, IMAGE)
    page.get_by_role("button", name="New folder").click()
    return grid


def rename(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, IMAGE)
    page.keyboard.press("F2")
    return grid


def delete_object(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, IMAGE)
    page.keyboard.press("Delete")
    return grid


def delete_folder(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, FOLDER)
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog")).to_contain_text("In there: 4 objects")
    return grid


def move(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, IMAGE)
    page.get_by_role("button", name="Actions", exact=True).click()
    page.get_by_role("menuitem", name="Move to…").click()
    return grid


DIALOGS: list[Open] = [
    *(new_bucket, empty_bucket, delete_bucket, make_public, palette, key_help),
    *(new_folder, rename, delete_object, delete_folder, move),
]


@pytest.mark.parametrize("opens", DIALOGS)
def test_a_dialog_has_no_faults_takes_the_focus_and_gives_it_back(
    admin: Page, target: Target, scene: Scene, opens: Open
) -> None:
    opener = opens(admin, target, scene)
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(":focus")).to_have_count(1)
    assert faults(admin) == []
    picture(admin, f"dialog-{opens.__name__}-dark")
    admin.set_viewport_size(SMALL)
    assert admin.evaluate(TOO_WIDE) == []
    picture(admin, f"dialog-{opens.__name__}-small")
    admin.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(opener).to_be_focused()


def account_menu(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target)
    opener = page.get_by_role("button", name="Account")
    opener.click()
    return opener


def bucket_menu(page: Page, target: Target, scene: Scene) -> Locator:
    visit(page, target)
    opener = page.get_by_role("button", name=f"Actions for {scene.bucket}")
    opener.click()
    return opener


def row_menu(page: Page, target: Target, scene: Scene) -> Locator:
    grid = in_folder(page, target, scene, IMAGE)
    page.keyboard.press("Shift+F10")
    return grid


def actions_menu(page: Page, target: Target, scene: Scene) -> Locator:
    in_folder(page, target, scene, IMAGE)
    opener = page.get_by_role("button", name="Actions", exact=True)
    opener.click()
    return opener


def upload_menu(page: Page, target: Target, scene: Scene) -> Locator:
    in_folder(page, target, scene, IMAGE)
    opener = page.get_by_role("button", name="Upload", exact=True)
    opener.click()
    return opener


MENUS: list[Open] = [account_menu, bucket_menu, row_menu, actions_menu, upload_menu]


@pytest.mark.parametrize("opens", MENUS)
def test_a_menu_has_no_faults_and_gives_the_focus_back(
    admin: Page, target: Target, scene: Scene, opens: Open
) -> None:
    opener = opens(admin, target, scene)
    menu = admin.get_by_role("menu")
    expect(menu).to_be_visible()
    # A menu lies outside the landmarks of the page, as the pattern of its library has it.
    assert [fault for fault in faults(admin) if not fault.startswith("region ")] == []
    picture(admin, f"menu-{opens.__name__}-dark")
    admin.keyboard.press("Escape")
    expect(menu).not_to_be_visible()
    # The menus of the explorer are commands to its grid, which has the keys.
    expect(
        opener.or_(admin.get_by_role("grid")).locator("visible=true").and_(admin.locator(":focus"))
    ).to_have_count(1)


def test_on_a_small_screen_the_pages_are_behind_a_button(admin: Page, target: Target) -> None:
    admin.set_viewport_size(SMALL)
    visit(admin, target)
    toggle = admin.get_by_role("button", name="Navigation")
    jobs = admin.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs")
    expect(jobs).not_to_be_visible()
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    assert violations(admin) == []
    picture(admin, "small-navigation")
    jobs.click()
    expect(admin.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(jobs).not_to_be_visible()


def test_who_wants_little_motion_gets_none(new_context: NewContext, target: Target, scene: Scene) -> None:
    page = new_context(reduced_motion="reduce").new_page()
    start_session(page.context.request, target, target.token("service_role"))
    new_bucket(page, target, scene)
    expect(page.get_by_role("switch", name="Public")).to_be_visible()
    assert page.evaluate(LONGEST_MOTION) <= 0.001
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(LONGEST_MOTION) > 0.001, "nothing moves: this test could not fail"
