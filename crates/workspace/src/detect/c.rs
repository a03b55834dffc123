//! C and C++ with CMake or Meson. Plain Makefiles are in `make`.

use super::{Commands, Folder};

pub(super) fn cmake(folder: &Folder<'_>) -> Option<Commands> {
    let lists = folder.read("CMakeLists.txt")?;
    let mut notes = Vec::new();
    let says = |word: &str| lists.to_ascii_lowercase().contains(word);
    let tests = says("enable_testing") || says("include(ctest)") || says("add_test");
    if !tests {
        notes.push("CMakeLists.txt names no test (enable_testing, add_test)".to_owned());
    }
    if says("fetchcontent") || says("externalproject") {
        notes.push(
            "CMakeLists.txt fetches sources while it builds, where no network is: install them on this machine, or fetch them \
             in a set-up command of your own"
                .to_owned(),
        );
    }
    let build = "cmake -S . -B build && cmake --build build";
    Some(Commands {
        setup: None,
        test: tests.then(|| format!("{build} && ctest --test-dir build --output-on-failure")),
        build: Some(build.to_owned()),
        lint: None,
        notes,
    })
}

pub(super) fn meson(folder: &Folder<'_>) -> Option<Commands> {
    let text = folder.read("meson.build")?;
    let wraps = folder
        .all()
        .any(|path| path.starts_with("subprojects/") && path.ends_with(".wrap"));
    let tests = text.contains("test(") || text.contains("subdir(");
    let build = "meson setup --wrap-mode nodownload build && meson compile -C build";
    Some(Commands {
        setup: wraps.then(|| "meson subprojects download".to_owned()),
        test: tests.then(|| format!("{build} && meson test -C build --print-errorlogs")),
        build: Some(build.to_owned()),
        lint: None,
        notes: match wraps {
            true => vec![
                "subprojects/*.wrap are fetched from hosts of their own: name them with --setup-host".to_owned(),
            ],
            false => Vec::new(),
        },
    })
}
