"""The training desk in a real JupyterLab: mouse, keyboard, themes, and what happens when the kernel goes."""

import re
import statistics
import time

import pytest

from tests.browser.lab import screenshot, violations

DESK = "from edf_course.explore import TrainingDesk\ndesk = TrainingDesk(seed=1)\ndesk"
LINK = (
    "import ipywidgets\nslider = ipywidgets.FloatLogSlider(value=0.1, min=-3, max=1)\n"
    "ipywidgets.jslink((slider, 'value'), (desk, 'learning_rate'))\nslider"
)
FIGURE = ".edf-figure"
KERNEL = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"


@pytest.fixture
def open_desk(lab, page):
    """Open a notebook with a desk, run it, and wait for the first picture."""

    def open_(*more, width=1280, height=900):
        page.set_viewport_size({"width": width, "height": height})
        notebook = lab.open(page, "desk.ipynb", [DESK, *more])
        notebook.run_all()
        page.wait_for_function(f"() => Number(document.querySelector('{FIGURE} canvas')?.dataset.draws) > 0")
        return notebook

    yield open_
    assert page.errors == []
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


def button(page, name):
    return page.locator(FIGURE).get_by_role("button", name=name)


def knob(page, name):
    return page.locator(FIGURE).get_by_role("slider", name=name)


def status(page):
    return page.locator(FIGURE).get_by_role("status")


def shown_step(page):
    return int(page.locator(f"{FIGURE} .edf-number").first.inner_text())


def wait_for_step(page, step):
    page.wait_for_function(
        f"step => Number(document.querySelector('{FIGURE} .edf-number').textContent) >= step", arg=step
    )


def wait_for_text(page, text):
    page.wait_for_function(f"text => document.querySelector('{FIGURE}').textContent.includes(text)", arg=text)


def kernel_reaches(notebook, expression, wanted):
    """Wait until `expression` is `wanted` in the kernel: a slider's value is on its way."""
    for _ in range(50):
        value = notebook.kernel(expression)
        if value == wanted:
            return value
        time.sleep(0.05)
    return value


def ink_in_the_last_column(page):
    return page.evaluate(
        f"""() => {{
          const canvas = document.querySelector('{FIGURE} canvas');
          const {{data}} = canvas.getContext('2d').getImageData(canvas.width - 1, 0, 1, canvas.height);
          return data.filter((value, i) => i % 4 === 3 && value > 0).length;
        }}"""
    )


def test_play_turn_pause_step_reset(open_desk, page):
    notebook = open_desk()
    assert shown_step(page) == 0
    assert not violations(page, ".jp-Cell-outputArea")

    button(page, "Play").click()
    wait_for_step(page, 50)
    before = float(notebook.kernel("desk.learning_rate"))
    knob(page, "Learning rate").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")  # 20 presses are a power of ten
    assert float(kernel_reaches(notebook, "desk.learning_rate", "0.794")) == pytest.approx(before * 10**0.2, rel=0.01)
    assert knob(page, "Learning rate").get_attribute("aria-valuetext") == "0.794"
    knob(page, "Batch size").press("End")
    assert kernel_reaches(notebook, "desk.batch_size", "1437") == "1437"
    wait_for_text(page, "1437 (all: gradient descent)")
    knob(page, "Batch size").press("Home")
    assert kernel_reaches(notebook, "desk.batch_size", "1") == "1"
    assert notebook.kernel("desk.playing") == "True"
    wait_for_step(page, shown_step(page) + 20)
    screenshot(page.locator(FIGURE), "training desk playing")

    button(page, "Pause").click()
    button(page, "Play").wait_for()
    wait_for_text(page, "Paused at step")
    paused = shown_step(page)
    page.wait_for_timeout(300)
    assert shown_step(page) == paused == int(notebook.kernel("desk.steps"))

    button(page, "Step").click()
    wait_for_step(page, paused + 1)
    button(page, "Step").press("Enter")  # JupyterLab would start to edit the cell
    wait_for_step(page, paused + 2)
    assert int(notebook.kernel("desk.steps")) == paused + 2

    button(page, "Reset").click()
    wait_for_text(page, "Reset: press Play.")
    assert (shown_step(page), notebook.kernel("desk.steps")) == (0, "0")


def test_both_themes_and_a_narrow_page_can_be_read(open_desk, page):
    notebook = open_desk()
    notebook.kernel("desk.train(600)", "")
    wait_for_step(page, 600)
    page.wait_for_timeout(300)
    assert ink_in_the_last_column(page) == 0  # the axis goes to 1000, whose last digit could be cut off
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        draws = int(page.locator(f"{FIGURE} canvas").first.get_attribute("data-draws"))
        notebook.theme(theme)
        if theme.endswith("Dark"):
            page.wait_for_function(
                f"draws => Number(document.querySelector('{FIGURE} canvas').dataset.draws) > draws", arg=draws
            )
        page.wait_for_timeout(300)
        assert violations(page, ".jp-Cell-outputArea") == []
        screenshot(page.locator(".jp-Cell-outputArea"), f"training desk {theme.split()[1]}")
    colours = page.evaluate(
        f"() => ['--edf-ink', '--edf-line'].map(name => getComputedStyle(document.querySelector('{FIGURE}'))"
        ".getPropertyValue(name))"
    )
    assert colours[1] == "#56b4e9"
    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    notebook.theme("JupyterLab Light")
    page.set_viewport_size({"width": 520, "height": 1200})
    page.wait_for_timeout(500)
    box = page.locator(FIGURE).bounding_box()
    assert 340 <= box["width"] <= 440
    for part in page.locator(f"{FIGURE} canvas, {FIGURE} button, {FIGURE} input, {FIGURE} .edf-number").all():
        inner = part.bounding_box()
        assert inner["x"] >= box["x"] - 1
        assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1
    screenshot(page.locator(".jp-Cell-outputArea"), "training desk narrow")


def test_other_cells_run_at_once_while_it_trains(open_desk, page):
    notebook = open_desk()
    knob(page, "Speed").press("End")
    button(page, "Play").click()
    wait_for_step(page, 1000)
    waits = []
    for _ in range(15):
        then = time.perf_counter()
        assert notebook.kernel("1 + 1") == "2"
        waits.append(time.perf_counter() - then)
    assert notebook.kernel("desk.playing") == "True"
    print(f"a cell while it trains: median {1000 * statistics.median(waits):.0f} ms")
    assert statistics.median(waits) < 0.25


def test_an_ipywidgets_slider_can_be_linked_both_ways(open_desk, page):
    notebook = open_desk(LINK)
    assert kernel_reaches(notebook, "desk.learning_rate", "0.1") == "0.1"
    page.locator(".noUi-handle").press("ArrowRight")
    moved = float(notebook.kernel("slider.value"))
    assert moved > 0.1
    assert float(kernel_reaches(notebook, "desk.learning_rate", repr(moved))) == moved
    assert knob(page, "Learning rate").get_attribute("aria-valuetext") == f"{moved:.3g}"
    knob(page, "Learning rate").press("Home")
    assert kernel_reaches(notebook, "slider.value", "0.001") == "0.001"


def test_an_error_of_a_students_node_is_read_in_the_figure(open_desk, page):
    mine = (
        "from edf_course import edf\nclass Mine(edf.Sigmoid):\n    def backward(self):\n"
        "        self.x.addgrad(self.grad * self.y)\nmine = TrainingDesk(activation=Mine)\nmine"
    )
    open_desk(mine, "desk.close()")
    button(page, "Play").click()
    wait_for_text(page, "Mine.backward, line 4: AttributeError: 'Mine' object has no attribute 'y'")
    assert button(page, "Play").is_visible()
    assert violations(page, ".jp-Cell-outputArea") == []
    screenshot(page.locator(FIGURE), "training desk error")
    button(page, "Play").click()
    wait_for_text(page, "Mine.backward, line 4")
    button(page, "Reset").click()
    wait_for_text(page, "Reset: press Play.")


def test_a_kernel_that_does_not_answer_is_said_and_that_it_answers_again(open_desk, page):
    open_desk()
    page.evaluate(f"() => {{ {KERNEL}.requestExecute({{code: 'import time; time.sleep(6)'}}); }}")
    button(page, "Play").click()
    wait_for_text(page, "The kernel does not answer. It is busy")
    wait_for_step(page, 5)
    assert "does not answer" not in status(page).inner_text()
    page.evaluate(f"() => {KERNEL}.restart()")
    wait_for_text(page, "or it was restarted: then run this cell again.")
    screenshot(page.locator(FIGURE), "training desk kernel gone")


def test_training_pauses_when_its_output_is_cleared(open_desk, page):
    notebook = open_desk("")
    notebook.kernel("None", "from edf_course.explore import training_desk; training_desk.UNSEEN = 20")
    button(page, "Play").click()
    wait_for_step(page, 30)
    page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    assert kernel_reaches(notebook, "desk.message", "'Paused: no page shows this figure.'").startswith("'Paused")


def test_from_a_key_to_the_picture_takes_a_moment(open_desk, page):
    open_desk()
    button(page, "Step").focus()
    waits = []
    for _ in range(20):
        page.evaluate(
            f"""() => {{
              const canvas = document.querySelector('{FIGURE} canvas'), before = canvas.dataset.draws;
              window.painted = new Promise(resolve => {{
                const done = time => setTimeout(() => resolve(performance.now() - window.pressed));
                document.addEventListener('keydown', () => {{ window.pressed = performance.now(); }},
                  {{capture: true, once: true}});
                new MutationObserver((_, self) => {{ self.disconnect(); requestAnimationFrame(done); }})
                  .observe(canvas, {{attributeFilter: ['data-draws']}});
              }});
            }}"""
        )
        page.keyboard.press("Enter")
        waits.append(page.evaluate("() => window.painted"))
    print(f"key to painted step: median {statistics.median(waits):.0f} ms, worst {max(waits):.0f} ms")
    assert statistics.median(waits) < 400
    assert re.fullmatch(r"Step \d+\.", status(page).inner_text())
