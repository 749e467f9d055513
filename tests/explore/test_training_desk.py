"""The training desk without a browser: knobs, words, picture, and training while other things run."""

import asyncio
import base64
import io
import re
import subprocess
import sys
import threading
import time

import nbformat
import numpy as np
import pytest
from matplotlib import image as images
from nbformat.v4 import new_code_cell, new_notebook
from traitlets import TraitError

from edf_course import data, edf
from edf_course.explore import TrainingDesk, training_desk


@pytest.fixture
def desk():
    made = TrainingDesk()
    yield made
    made.close()


def curve(desk):
    return np.frombuffer(desk._losses, "<f4").reshape(-1, 3)


class BadBackward(edf.Sigmoid):
    def backward(self):
        raise ValueError("I do not know the derivative")


# Knobs


@pytest.mark.parametrize(
    ("knob", "value", "message"),
    [
        ("learning_rate", 20, "learning_rate must be between 0.001 and 10, but is 20"),
        ("learning_rate", 0, "but is 0"),
        ("learning_rate", float("nan"), "but is nan"),
        ("batch_size", 0, "between 1 and 1437, the number of training examples, but is 0"),
        ("batch_size", 1438, "but is 1438"),
        ("batch_size", 2.5, "expected an int"),
        ("steps_per_second", 0, "between 1 and 10000"),
    ],
)
def test_a_knob_out_of_range_is_refused_with_its_range(desk, knob, value, message):
    before = getattr(desk, knob)
    with pytest.raises(TraitError, match=message):
        setattr(desk, knob, value)
    assert getattr(desk, knob) == before
    with pytest.raises(TraitError, match=message):
        TrainingDesk(**{knob: value})


def test_the_ends_of_each_range_are_allowed(desk):
    for desk.learning_rate in (0.001, 10):
        for desk.batch_size in (1, 1437):
            desk.train(2)
    assert desk.steps == 8


def test_what_the_front_end_may_not_send_is_said_there_and_taken_back(desk, monkeypatch):
    sent = []
    monkeypatch.setattr(desk, "_send", lambda message, buffers=None: sent.append(message))
    desk.set_state({"learning_rate": 100.0})
    assert desk.learning_rate == 0.5
    assert "between 0.001 and 10" in desk.message
    assert sent[-1]["state"] == {"learning_rate": 0.5}


def test_readings_cannot_be_set(desk):
    with pytest.raises(TraitError, match="read-only"):
        desk.steps = 5


# Training at once


def test_train_takes_the_steps_shows_them_and_says_the_outcome(desk):
    outcome = desk.train(300)
    assert desk.steps == 300
    assert desk.message == "Paused at step 300."
    assert desk.epoch == pytest.approx(300 / 45, rel=0.01)
    assert desk.test_accuracy == desk.training.net.accuracy(desk.training.data.x_test, desk.training.data.y_test)
    assert len(curve(desk)) == 300
    assert curve(desk)[-1, 1] == pytest.approx(desk.loss)
    assert outcome.startswith("Learning rate 0.5, batch size 32. After 300 steps (6.7 epochs): loss 0.")


def test_what_is_sent_stays_small_however_long_one_trains():
    desk = TrainingDesk(step=lambda *_: 1.0)
    desk.train(5000)
    assert len(curve(desk)) <= 601
    assert curve(desk)[-1, 0] == 4999


def test_a_students_activation_and_step_and_net_are_used():
    calls = []

    class Spy(edf.Tanh):
        def forward(self):
            calls.append("forward")
            super().forward()

    def step(net, x, labels, learning_rate):
        calls.append("step")
        return net.step(x, labels, learning_rate)

    TrainingDesk(activation=Spy, step=step).train(1)
    assert {"forward", "step"} == set(calls)
    net = edf.Classifier((64, 10))
    before = net.graph.Parameters[0].value.copy()
    TrainingDesk(net).train(1)
    assert not np.array_equal(net.graph.Parameters[0].value, before)


def test_a_step_that_raises_stops_training_with_its_words_and_reset_goes_back():
    desk = TrainingDesk(activation=BadBackward)
    assert desk.steps == 0
    outcome = desk.train(5)
    assert "BadBackward.backward, line" in outcome
    assert "I do not know the derivative" in desk.message
    assert isinstance(desk.error, ValueError)
    assert "I do not know the derivative" in desk.describe()
    with pytest.raises(TraitError, match="I do not know"):
        desk.playing = True
    desk.reset()
    assert (desk.message, desk.error, desk.steps) == ("Reset: press Play.", None, 0)


def test_an_unwritten_node_still_gives_a_figure_that_says_so():
    class Unwritten(edf.CompNode):
        def __init__(self, x):
            super().__init__()
            self.x = x

    desk = TrainingDesk(activation=Unwritten)
    bundle, _ = desk._repr_mimebundle_()
    assert "Unwritten has no forward" in bundle["text/plain"]
    assert "image/png" in bundle


def test_divergence_stops_with_what_to_do():
    losses = iter([2.0, 30.0, float("inf")])
    desk = TrainingDesk(step=lambda *_: next(losses))
    desk.train(10)
    assert desk.message.startswith("The loss is no longer a number")
    assert (desk.steps, desk.loss) == (2, 30.0)


def test_what_is_no_digit_is_refused():
    with pytest.raises(ValueError, match="square images, but x_train has 2 columns"):
        TrainingDesk(data=(np.zeros((5, 2)), np.zeros(5, int), np.zeros((5, 2)), np.zeros(5, int)))
    with pytest.raises(ValueError, match="net or activation, not both"):
        TrainingDesk(edf.Classifier(), activation=edf.Tanh)


def test_other_digits_may_be_larger_and_have_fewer_classes():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 3
    x = rng.uniform(0, 255, (40, 49)) * (y == 1)[:, None]
    desk = TrainingDesk(data=(x[:30], y[:30], x[30:], y[30:]), batch_size=10)
    desk.train(3)
    assert (desk._n_train, desk._n_classes, len(desk._predictions)) == (30, 3, 10)
    assert len(desk._pixels) == 10 * 49
    assert max(desk._pixels) == 255


# Training while other things run


def in_a_loop(main):
    return asyncio.run(asyncio.wait_for(main(), 30))


def test_playing_without_a_loop_is_refused_with_what_to_do(desk):
    with pytest.raises(TraitError, match=r"call desk\.train\(steps\)"):
        desk.playing = True
    assert not desk.playing


def test_it_trains_while_other_things_run_and_stands_still_when_paused():
    async def main():
        desk = TrainingDesk(steps_per_second=10_000)
        desk.playing = True
        waits = []
        for _ in range(20):
            then = time.perf_counter()
            await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - then)
        desk.playing = False
        steps = desk.steps
        await asyncio.sleep(0.1)
        return steps, desk, waits

    steps, desk, waits = in_a_loop(main)
    assert steps > 100
    assert desk.steps == desk.training.steps == steps
    assert desk.message == f"Paused at step {steps}."
    assert np.median(waits) < 0.06


def test_a_knob_that_is_turned_while_it_trains_takes_effect_at_the_next_step():
    used = []

    def step(net, x, labels, learning_rate):
        used.append((learning_rate, len(x)))
        return 1.0

    async def main():
        desk = TrainingDesk(step=step, steps_per_second=1000)
        desk.playing = True
        await asyncio.sleep(0.1)
        n = len(used)
        desk.learning_rate, desk.batch_size = 0.02, 128
        await asyncio.sleep(0.1)
        desk.close()
        return n

    n = in_a_loop(main)
    assert 0 < n < len(used)
    assert set(used[:n]) <= {(0.5, 32), (0.5, 29)}
    assert set(used[n:]) <= {(0.02, 128), (0.02, 29)}


def test_the_speed_is_kept():
    async def main():
        desk = TrainingDesk(step=lambda *_: 1.0, steps_per_second=50)
        desk.playing = True
        await asyncio.sleep(0.5)
        desk.close()
        return desk.training.steps

    assert 10 <= in_a_loop(main) <= 32


def test_it_does_not_catch_up_what_a_long_cell_kept_it_from():
    async def main():
        desk = TrainingDesk(step=lambda *_: 1.0, steps_per_second=100)
        desk.playing = True
        await asyncio.sleep(0.05)
        time.sleep(0.5)
        before = desk.training.steps
        await asyncio.sleep(0.05)
        desk.close()
        return desk.training.steps - before

    assert in_a_loop(main) < 30


def test_pause_and_play_in_one_breath_leave_one_training_only():
    async def main():
        desk = TrainingDesk(step=lambda *_: 1.0)
        desk.playing = True
        first = desk._task
        desk.playing = False
        desk.playing = True
        assert desk._task is first
        desk.close()

    in_a_loop(main)


def test_it_pauses_when_no_page_shows_it_and_goes_on_while_one_does(monkeypatch):
    monkeypatch.setattr(training_desk, "UNSEEN", 3)
    monkeypatch.setattr(training_desk, "FRAME", 0.005)

    async def main(seen):
        desk = TrainingDesk(step=lambda *_: 1.0, steps_per_second=1000)
        desk.playing = True
        for _ in range(40):
            if seen:
                desk._handle_custom_msg({"seen": desk._frame}, [])
            await asyncio.sleep(0.01)
        playing, message = desk.playing, desk.message
        desk.close()
        return playing, message

    assert in_a_loop(lambda: main(seen=True)) == (True, "Training.")
    assert in_a_loop(lambda: main(seen=False)) == (False, "Paused: no page shows this figure.")


def test_a_node_that_raises_ends_the_play():
    async def main():
        desk = TrainingDesk(activation=BadBackward)
        desk.playing = True
        await asyncio.wait_for(desk._task, 5)
        return desk

    desk = in_a_loop(main)
    assert not desk.playing
    assert "I do not know the derivative" in desk.message


def test_the_buttons_step_and_reset(desk):
    desk._handle_custom_msg({"do": "step"}, [])
    assert (desk.steps, desk.message) == (1, "Step 1.")
    desk._handle_custom_msg({"do": "reset"}, [])
    assert (desk.steps, len(curve(desk))) == (0, 0)


def test_messages_from_another_thread_are_handled_where_cells_run():
    threads = []

    def step(*_):
        threads.append(threading.get_ident())
        return 1.0

    async def main():
        desk = TrainingDesk(step=step)
        message = {"content": {"data": {"method": "custom", "content": {"do": "step"}}}, "buffers": []}
        await asyncio.to_thread(desk._handle_msg, message)
        await asyncio.sleep(0.05)

    in_a_loop(main)
    assert threads == [threading.get_ident()]


# Where nothing is alive


def test_the_picture_has_its_size_and_ink_in_both_halves(desk):
    desk.train(50)
    bundle, metadata = desk._repr_mimebundle_()
    picture = images.imread(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.shape[:2] == (400, 840)
    dark = picture[..., :3].mean(axis=2) < 0.5
    assert dark[:, :420].sum() > 1000
    assert dark[40:, 430:].sum() > 1000
    assert metadata["image/png"]["alt"] == bundle["text/plain"] == desk.describe()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == desk.model_id


def test_the_words_name_what_is_read_wrongly(desk):
    desk.train(150)
    predictions, labels = desk.training.predictions[:30], desk.training.data.y_test[:30]
    wrong = [f"{y} read as {p}" for p, y in zip(predictions, labels, strict=True) if p != y]
    assert wrong, "the test needs a net that is not perfect yet"
    assert f"Of 30 test digits {len(wrong)} are read wrongly ({', '.join(wrong)})." in desk.describe()


def test_an_exported_page_shows_the_picture():
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = new_notebook(
        cells=[
            new_code_cell("from edf_course.explore import TrainingDesk\ndesk = TrainingDesk()\ndesk.train(20)\ndesk"),
            new_code_cell("desk.playing = True"),  # a notebook that is run from end to end ends all the same
        ]
    )
    NotebookClient(notebook, timeout=60, store_widget_state=False).execute()
    nbformat.validate(notebook)
    pages = {name: HTMLExporter(template_name=name).from_notebook_node(notebook)[0] for name in ("lab", "classic")}
    shown = {
        name: re.findall(r'<img[^>]*src="data:image/png;base64,[^"]{5000,}"[^>]*>', page)
        for name, page in pages.items()
    }
    assert [len(found) for found in shown.values()] == [1, 1]
    assert "20 steps (0.4 epochs)" in shown["classic"][0]  # the other template leaves the words out


def test_the_front_end_fetches_nothing():
    for text in (TrainingDesk._esm, TrainingDesk._css):
        assert not re.search(r"https?:|@import|url\(|\bimport\b[^:]*from|import\(|fetch\(|require\(", text)


def test_the_course_itself_loads_neither_widgets_nor_matplotlib_and_the_picture_no_pyplot():
    code = (
        "import sys, edf_course; early = {'anywidget', 'ipywidgets', 'matplotlib'} & set(sys.modules);"
        "from edf_course.explore import TrainingDesk; TrainingDesk()._repr_mimebundle_();"
        "print(sorted(early), 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_the_default_data_follow_the_seed():
    assert TrainingDesk(seed=4)._labels == data.digits(4).y_test[:30].astype(np.uint8).tobytes()
