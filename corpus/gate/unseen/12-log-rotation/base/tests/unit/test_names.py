from rotating import old_name


def test_old_names():
    assert old_name("/var/log/app.log", 3).name == "app.log.3"
    assert str(old_name("app.log", 1)) == "app.log.1"
