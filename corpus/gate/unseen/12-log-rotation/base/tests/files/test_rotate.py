import pytest

from rotating import rotate


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def names(log):
    return sorted(path.name for path in log.parent.iterdir())


def turn(log, times, keep):
    for number in range(times):
        log.write_text(f"{number}\n")
        rotate(log, keep)


def test_the_log_becomes_the_first_old_one(log):
    turn(log, 1, keep=3)
    assert names(log) == ["app.log.1"]


def test_old_ones_move_up(log):
    turn(log, 2, keep=3)
    assert (log.parent / "app.log.1").read_text() == "1\n"
    assert (log.parent / "app.log.2").read_text() == "0\n"


def test_no_more_than_keep_stay(log):
    turn(log, 6, keep=3)
    assert names(log) == ["app.log.1", "app.log.2", "app.log.3"]
    assert (log.parent / "app.log.3").read_text() == "3\n"


def test_a_lowered_keep(log):
    turn(log, 6, keep=5)
    turn(log, 1, keep=2)
    assert names(log) == ["app.log.1", "app.log.2"]


def test_other_files_stay(log):
    other = log.parent / "app.log.old"
    other.write_text("mine\n")
    turn(log, 4, keep=1)
    assert names(log) == ["app.log.1", "app.log.old"]
