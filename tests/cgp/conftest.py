import pytest
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def no_figures():
    """No test leaves a figure to the next."""
    yield
    plt.close("all")
