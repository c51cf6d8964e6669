"""Write docs/images/page-*.png: the page, photographed on real runs in Debian's Chromium. Run it in the repository:
``python ui/scripts/pictures.py``, or with names of pictures for these alone."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect, sync_playwright

from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import open_session

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser import CHROMIUM  # noqa: E402 - it is found only now
from tests.page.conftest import Served, server_of  # noqa: E402
from tests.page.material import Material, make_material  # noqa: E402
from tests.page.oddities import Oddities, make_oddities  # noqa: E402
from tests.page.spending import make_spending  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
DESK: Final = (1440, 900)
PHONE: Final = (390, 844)
COLOURS: Final = 256
FRAME: Final = "#c5ccd6"


@dataclass(frozen=True)
class Picture:
    """One picture: where it is taken, and what is done before."""

    name: str
    route: str
    prepare: Callable[[Page], None]
    size: tuple[int, int] = DESK
    scheme: Literal["light", "dark"] = "light"


async def make_runs(folder: Path) -> Material:
    """The runs of the tests, the workflow of the research beside them, and days on which something was spent."""
    await make_spending(folder)
    material = await make_material(folder, nodes=240)
    shutil.copytree(folder / "research", folder, dirs_exist_ok=True)
    (folder / "flow.yaml").rename(folder / "research.yaml")
    async with open_session(material.store) as session:
        for name in ("writer", "research", "review/flow", "gallery", "writer"):
            run = (await session.run(folder / f"{name}.yaml")).run
        await session.replay(run.id)
        await session.fork(material.research, ForkRequest(from_=("report",)))
    return material


def usual(material: Material) -> Iterable[Picture]:
    """The pictures on the usual runs. Those that change something stand last."""
    research, gallery = f"runs/{material.research}", f"runs/{material.gallery}"
    search = f"{research}?task=search%5B0%5D"
    yield Picture("runs", "runs", choose_two)
    yield Picture("run", f"{search}&tab=talk", settle)
    yield Picture("run-dark", f"{research}?task=report&tab=lineage", settle, scheme="dark")
    yield Picture("run-failed", gallery, settle)
    yield Picture("run-moment", f"{research}?task=search", scrub)
    yield Picture("diff", f"diff?run={material.research}&run={material.fork}", settle)
    yield Picture("gates", "gates", write_feedback)
    yield Picture("health", "health", settle)
    yield Picture("phone-runs", "runs", settle, size=PHONE)
    yield Picture("phone-run", research, settle, size=PHONE)
    yield Picture("phone-task", f"{search}&tab=talk", settle, size=PHONE, scheme="dark")
    yield Picture("workflow", "workflows/research.yaml", edit_graph)
    yield Picture("plan", "workflows/research.yaml", see_plan)
    yield Picture("fork", f"{research}?task=report", plan_fork)


def odd(material: Oddities) -> Iterable[Picture]:
    """Those on a run that was brought in from elsewhere."""
    yield Picture("trust", f"runs/{material.imported}", ask_for_trust)


def settle(page: Page) -> None:
    """Wait until nothing is on its way any more."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".loading, .spinner")).to_have_count(0, timeout=15_000)


def choose_two(page: Page) -> None:
    """Two runs are chosen to be compared."""
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(5).check()
    page.mouse.move(0, 0)
    settle(page)


def scrub(page: Page) -> None:
    """The page stands where two thirds of the run were over."""
    settle(page)
    slider = page.get_by_role("slider")
    slider.focus()
    most = float(slider.get_attribute("max") or "0")
    slider.fill(str(round(most * 0.62)))
    slider.blur()
    settle(page)


def write_feedback(page: Page) -> None:
    """Somebody is about to reject."""
    page.get_by_role("button", name="Reject…").first.click()
    page.get_by_label("What should be different?").fill("Say from which day on the new tables hold.")
    settle(page)


def edit_graph(page: Page) -> None:
    """A node is added and connected, and the file not saved yet."""
    page.locator(".card").first.wait_for()
    page.get_by_label("Name of the new node").fill("publish")
    page.get_by_role("button", name="Add node").click()
    page.locator(".card", has_text="publish").click()
    page.get_by_label("What publish comes after").select_option("report")
    page.get_by_role("button", name="Connect", exact=True).click()
    settle(page)


def see_plan(page: Page) -> None:
    """What a run would do, before it is one."""
    page.locator(".card").first.wait_for()
    page.get_by_role("button", name="See the plan").click()
    page.locator(".plan table").wait_for()
    settle(page)


def plan_fork(page: Page) -> None:
    """Another prompt for the report, and what that would execute."""
    page.get_by_role("button", name="Fork here").click()
    page.get_by_label("prompt system_prompt").fill("Write two sentences from the findings. Name the sources.")
    page.get_by_role("button", name="See the plan").click()
    page.get_by_role("region", name="Nodes of the plan").wait_for()
    settle(page)


def ask_for_trust(page: Page) -> None:
    """An imported run is about to be replayed."""
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("group", name="Trust").wait_for()
    settle(page)


def take(browser: Browser, served: Served[Material] | Served[Oddities], pictures: Iterable[Picture]) -> None:
    """Take the pictures that were asked for, or all."""
    for picture in pictures:
        if sys.argv[1:] and picture.name not in sys.argv[1:]:
            continue
        width, height = picture.size
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=picture.scheme)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(served.url)
        page.get_by_role("heading", name="Runs", exact=True).wait_for()
        page.goto(f"{served.base}/#/{picture.route}")
        picture.prepare(page)
        page.wait_for_timeout(700)  # the graph glides to its place
        file = IMAGES / f"page-{picture.name}.png"
        page.screenshot(path=file)
        with Image.open(file) as taken:
            framed = taken.convert("RGB")
        ImageDraw.Draw(framed).rectangle((0, 0, width - 1, height - 1), outline=FRAME)
        few = framed.quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
        sys.stdout.write(f"{file.name}: {file.stat().st_size / 1000:.0f} kB\n")
        context.close()


def main() -> None:
    """All servers first: while the browser is there no loop can be started in this thread."""
    with (
        tempfile.TemporaryDirectory(prefix="binex-pictures-") as folder,
        server_of(Path(folder) / "tides", make_runs) as served,
        server_of(Path(folder) / "odd", make_oddities) as odd_served,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        take(browser, served, usual(served.material))
        take(browser, odd_served, odd(odd_served.material))
        browser.close()


if __name__ == "__main__":
    main()
