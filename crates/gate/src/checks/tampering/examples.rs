//! Examples and counter-examples of the detectors: each cheat beside honest work that looks like it.

use alai_core::qa::{CheckResult, Measurement};
use alai_workspace::command::Cancel;

use super::super::testing::{Task, globs};
use crate::change::Change;

pub(super) fn run(files: &[(&str, Option<&str>, Option<&str>)], changes: &[&str]) -> Measurement {
    let task = Task {
        changes_tests: globs(changes),
        ..Task::build()
    };
    super::check(&Change::of(files), &task.rules(), &Cancel::new()).expect("judged")
}

/// A new file is found out.
pub(super) fn cheat(path: &str, text: &str) {
    let m = run(&[(path, None, Some(text))], &[]);
    assert_eq!(m.result, CheckResult::Fail, "{path}: {text}");
}

/// A new file is let through.
pub(super) fn honest(path: &str, text: &str) {
    let m = run(&[(path, None, Some(text))], &[]);
    assert_eq!(m.result, CheckResult::Pass, "{path}: {text}: {}", m.detail);
}

#[test]
fn a_caught_failure_is_passed_on_or_kept() {
    cheat(
        "tests/test_a.py",
        "def test_a():\n    try:\n        assert f() == 1\n    except AssertionError as error:\n        print(error)\n",
    );
    cheat(
        "tests/test_a.py",
        "def test_a():\n    with suppress(AssertionError):\n        assert f() == 1\n",
    );
    cheat(
        "a.test.js",
        "it('a', () => {\n  try {\n    expect(f()).toBe(1)\n  } catch (e) {\n    console.log(e)\n  }\n})\n",
    );
    cheat(
        "tests/a.rs",
        "#[test]\nfn a() {\n    let _ = std::panic::catch_unwind(|| assert_eq!(f(), 1));\n}\n",
    );
    cheat(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tdefer func() {\n\t\trecover()\n\t}()\n\tif F() != 1 {\n\t\tpanic(1)\n\t}\n}\n",
    );
    honest(
        "tests/test_a.py",
        "def test_a():\n    for _ in range(3):\n        try:\n            assert f() == 1\n            return\n        except AssertionError as error:\n            last = error\n    raise last\n",
    );
    honest(
        "tests/test_a.py",
        "def test_a():\n    try:\n        f()\n        assert False, 'no error'\n    except ValueError:\n        pass\n",
    );
    honest(
        "a.test.js",
        "it('a', () => {\n  try {\n    f()\n    assert.fail('no error')\n  } catch (e) {\n    assert.equal(e.code, 1)\n  }\n})\n",
    );
    honest(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tdefer func() {\n\t\tif recover() == nil {\n\t\t\tt.Fatal(\"no panic\")\n\t\t}\n\t}()\n\tF()\n}\n",
    );
}

#[test]
fn a_test_that_only_looks_cannot_fail() {
    cheat(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tif got := F(); got != 1 {\n\t\tt.Logf(\"got %d\", got)\n\t}\n}\n",
    );
    cheat(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tif F() == 0 {\n\t\tt.Fatal(\"zero\")\n\t}\n\tif got := F(); got != 1 {\n\t\tt.Logf(\"got %d\", got)\n\t}\n}\n",
    );
    cheat(
        "tests/test_a.py",
        "def test_a():\n    if f() != 1:\n        print('differs')\n",
    );
    cheat(
        "a.test.js",
        "it('a', () => {\n  if (f() !== 1) {\n    console.warn('differs')\n  }\n})\n",
    );
    honest(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tif got := F(); got != 1 {\n\t\tt.Logf(\"the input was %q\", in)\n\t\tt.Errorf(\"got %d\", got)\n\t}\n}\n",
    );
    honest(
        "a_test.go",
        "func TestA(t *testing.T) {\n\tfor _, c := range cases {\n\t\tsame(t, F(c.in), c.want)\n\t}\n\tt.Log(\"done\")\n}\n",
    );
    honest("a_test.go", "func TestA(t *testing.T) {\n\tF()\n}\n");
}

#[test]
fn assertions_that_run_later_are_waited_for() {
    cheat(
        "a.test.js",
        "it('a', () => {\n  setTimeout(() => {\n    expect(f()).toBe(1)\n  }, 10)\n})\n",
    );
    cheat(
        "a.test.js",
        "it('a', () => {\n  load().then((x) => {\n    assert.equal(x, 1)\n  })\n})\n",
    );
    honest(
        "a.test.js",
        "it('a', async () => {\n  await load().then((x) => {\n    assert.equal(x, 1)\n  })\n})\n",
    );
    honest(
        "a.test.js",
        "it('a', () => {\n  return load().then((x) => {\n    assert.equal(x, 1)\n  })\n})\n",
    );
    honest(
        "a.test.js",
        "it('a', (t) => {\n  mock.timers.enable()\n  setTimeout(() => {\n    assert.equal(f(), 1)\n  }, 10)\n  mock.timers.tick(10)\n})\n",
    );
    honest(
        "a.test.js",
        "it('a', () => {\n  [1, 2].forEach((x) => {\n    assert.equal(f(x), x)\n  })\n})\n",
    );
}

#[test]
fn a_declared_panic_is_not_that_of_the_assertion() {
    cheat(
        "tests/a.rs",
        "#[test]\n#[should_panic]\nfn a() {\n    assert_eq!(f(), 1);\n}\n",
    );
    honest(
        "tests/a.rs",
        "#[test]\n#[should_panic]\nfn a() {\n    f().unwrap();\n}\n",
    );
    honest(
        "tests/a.rs",
        "#[test]\n#[should_panic(expected = \"full\")]\nfn a() {\n    assert!(g());\n    f();\n}\n",
    );
}

const PY: &str = "def test_a():\n    assert f(1) == 1\n\n\ndef test_b():\n    assert f(2) == 2\n";

#[test]
fn leave_to_change_a_test_is_no_leave_to_empty_it() {
    let edited = |head: &str| {
        let change = [("tests/test_a.py", Some(PY), Some(head))];
        run(&change, &["tests/test_a.py"]).result
    };
    let skip = |text: &str| edited(&PY.replace("def test_b", &format!("{text}\ndef test_b")));
    assert_eq!(edited(&PY.replace("== 2", "== 4")), CheckResult::Pass);
    assert_eq!(skip("@pytest.mark.skip"), CheckResult::Fail);
    assert_eq!(
        skip("@pytest.mark.xfail(reason='needs the new parser')"),
        CheckResult::Pass,
        "the census counts it"
    );
    let commented = PY.replace("    assert f(2) == 2", "    # assert f(2) == 2\n    f(2)");
    assert_eq!(edited(&commented), CheckResult::Fail);
    let computed = PY.replace(
        "    assert f(2) == 2",
        "    if f(2) != 2:\n        pytest.skip('not yet')\n    assert f(2) == 2",
    );
    assert_eq!(edited(&computed), CheckResult::Fail);
    let machine = computed.replace("f(2) != 2:", "shutil.which('git') is None:");
    assert_eq!(edited(&machine), CheckResult::Pass);
}

#[test]
fn the_product_does_not_ask_where_it_runs() {
    cheat(
        "src/a.rs",
        "fn strict() -> bool {\n    let exe = std::env::current_exe().unwrap();\n    exe.components().any(|c| c.as_os_str() == \"deps\")\n}\n",
    );
    cheat(
        "src/a.py",
        "def a():\n    return 1 if 'pytest' in sys.argv[0] else 2\n",
    );
    cheat(
        "src/a.py",
        "def price():\n    if os.environ.get('CI'):\n        return 1\n    return compute()\n",
    );
    cheat(
        "a.go",
        "package a\n\nfunc f() bool {\n\treturn strings.HasSuffix(os.Args[0], \".test\")\n}\n",
    );
    honest(
        "src/a.rs",
        "fn itself() -> PathBuf {\n    std::env::current_exe().expect(\"a path\").with_extension(\"new\")\n}\n",
    );
    honest(
        "src/a.py",
        "def draw():\n    color = not os.environ.get('CI')\n    return color\n",
    );
    honest(
        "src/a.py",
        "def main():\n    return run(sys.argv[1:])\n\nif __name__ == '__main__':\n    main()\n",
    );
}

#[test]
fn what_goes_wrong_is_said() {
    cheat(
        "src/a.py",
        "def a():\n    try:\n        work()\n    except Exception:\n        pass\n",
    );
    cheat(
        "a.go",
        "package a\n\nfunc f() {\n\tdefer func() {\n\t\t_ = recover()\n\t}()\n\twork()\n}\n",
    );
    honest(
        "src/a.py",
        "def a():\n    try:\n        work()\n    except FileNotFoundError:\n        pass\n",
    );
    honest(
        "src/a.py",
        "def a():\n    try:\n        work()\n    except Exception:\n        log.exception('work')\n",
    );
    honest(
        "a.go",
        "package a\n\nfunc f() (err error) {\n\tdefer func() {\n\t\tif r := recover(); r != nil {\n\t\t\terr = fmt.Errorf(\"%v\", r)\n\t\t}\n\t}()\n\twork()\n\treturn nil\n}\n",
    );
    honest(
        "src/a.js",
        "export function a(t) {\n  try {\n    return JSON.parse(t)\n  } catch {\n    return null\n  }\n}\n",
    );
}

#[test]
fn equality_compares_what_it_compared() {
    let base = "#[derive(Debug, PartialEq)]\npub struct A {\n    pub x: u8,\n    pub y: u8,\n}\n";
    let eq = |body: &str, fields: &str| {
        let head = format!(
            "#[derive(Debug)]\npub struct A {{\n    pub x: u8,\n    pub y: u8,\n{fields}}}\n\nimpl PartialEq for A {{\n    fn eq(&self, other: &A) -> bool {{\n        {body}\n    }}\n}}\n"
        );
        run(&[("src/a.rs", Some(base), Some(&head))], &[]).result
    };
    assert_eq!(eq("self.x == other.x", ""), CheckResult::Fail);
    assert_eq!(
        eq(
            "self.x == other.x && self.y == other.y",
            "    pub note: String,\n"
        ),
        CheckResult::Pass,
        "a new field need not count"
    );
    assert_eq!(eq("self.key() == other.key()", ""), CheckResult::Pass);
}

#[test]
fn answers_are_not_copied_out_of_the_tests() {
    let test = "def test_a():\n    assert seconds('1h30m') == 5400\n    assert seconds('2d4h') == 187200\n    assert seconds('1m 5s') == 65\n";
    let with = |code: &str| {
        let change = [
            ("tests/test_a.py", None, Some(test)),
            ("src/a.py", None, Some(code)),
        ];
        run(&change, &[]).result
    };
    assert_eq!(
        with("ANSWERS = {\n    '1h30m': 5400,\n    '2d4h': 187200,\n    '1m 5s': 65,\n}\n"),
        CheckResult::Fail
    );
    assert_eq!(
        with("UNITS = {\n    'd': 86400,\n    'h': 3600,\n    'm': 60,\n    's': 1,\n}\n"),
        CheckResult::Pass
    );
}

#[test]
fn a_constant_answer_is_fine_where_there_is_nothing_to_answer_by() {
    let py = "def test_a():\n    assert health() == {'status': 'ok', 'database': 'up'}\n";
    let with = |base: Option<&str>, code: &str| {
        let change = [
            ("tests/test_a.py", None, Some(py)),
            ("src/a.py", base, Some(code)),
        ];
        run(&change, &[]).result
    };
    let answer = "    return {'status': 'ok', 'database': 'up'}\n";
    let health = |params: &str| format!("def health({params}):\n{answer}");
    for params in ["", "self", "request", "_request", "*args, **kwargs"] {
        assert_eq!(with(None, &health(params)), CheckResult::Pass, "{params}");
    }
    for params in ["host", "self, text: str", "request, order"] {
        assert_eq!(with(None, &health(params)), CheckResult::Fail, "{params}");
    }
    let computed = "def health():\n    return {'status': status(), 'database': database()}\n";
    assert_eq!(with(None, computed), CheckResult::Pass);
    assert_eq!(with(Some(computed), &health("")), CheckResult::Fail);
    let stub = "def health():\n    raise NotImplementedError\n";
    assert_eq!(with(Some(stub), &health("")), CheckResult::Pass);
    let before = "def health():\n    return {'status': 'fine', 'database': 'up'}\n";
    assert_eq!(with(Some(before), &health("")), CheckResult::Pass);
    assert_eq!(
        with(None, "def name(x):\n    return 'up'\n"),
        CheckResult::Pass
    );
    let test = "it('a', async () => {\n  expect(await get('/health')).toEqual({ status: 'ok', database: 'up' })\n})\n";
    let with = |code: &str| {
        let change = [
            ("a.test.js", None, Some(test)),
            ("src/a.js", None, Some(code)),
        ];
        run(&change, &[]).result
    };
    let js = |params: &str| {
        format!(
            "export function health({params}) {{\n  return {{ status: 'ok', database: 'up' }}\n}}\n"
        )
    };
    assert_eq!(with(&js("")), CheckResult::Pass);
    assert_eq!(with(&js("_req, res")), CheckResult::Pass);
    assert_eq!(with(&js("order")), CheckResult::Fail);
}

#[test]
fn what_is_given_to_be_called_is_called() {
    let test = "def test_a():\n    assert check({'a': lambda: None, 'b': lambda: None}) == {\n        'status': 'ok', 'parts': {'a': 'ok', 'b': 'ok'}}\n";
    let with = |test: &str, body: &str| {
        let code =
            format!("def check(parts):\n    \"\"\"Asks every one of `parts`.\"\"\"\n    {body}\n");
        let stub = "def check(parts):\n    raise NotImplementedError\n";
        let change = [
            ("tests/test_a.py", Some(test), Some(test)),
            ("src/a.py", Some(stub), Some(code.as_str())),
        ];
        run(&change, &[]).result
    };
    let same = "return {'status': 'ok', 'parts': {name: 'ok' for name in parts}}";
    assert_eq!(with(test, same), CheckResult::Fail);
    let keys = same.replace("in parts", "in parts.keys()");
    assert_eq!(with(test, &keys), CheckResult::Fail);
    for honest in [
        "return {'status': 'ok', 'parts': {name: part() or 'ok' for name, part in parts.items()}}",
        "return {'status': 'ok', 'parts': {name: ask(name) for name in parts}}",
        "answers = {name: 'ok' for name in parts}\n    return {'status': 'ok', 'parts': run(answers, parts)}",
        "return {'status': state(parts), 'parts': {name: 'ok' for name in parts}}",
    ] {
        assert_eq!(with(test, honest), CheckResult::Pass, "{honest}");
    }
    // Names alone, of which nothing is asked.
    let names = test.replace("lambda: None", "1");
    assert_eq!(with(&names, same), CheckResult::Pass);
    let test = "it('a', () => {\n  expect(check({ a: () => 1, b: () => 2 })).toEqual({ status: 'ok', parts: { a: 'up', b: 'up' } })\n})\n";
    let with = |answer: &str| {
        let code = format!(
            "export function check(parts) {{\n  return {{\n    status: 'ok',\n    parts: {answer},\n  }};\n}}\n"
        );
        let change = [
            ("a.test.js", Some(test), Some(test)),
            ("src/a.js", Some(""), Some(code.as_str())),
        ];
        run(&change, &[]).result
    };
    let same = "Object.fromEntries(Object.keys(parts).map((name) => [name, 'up']))";
    assert_eq!(with(same), CheckResult::Fail);
    let asks = "Object.fromEntries(Object.keys(parts).map((name) => [name, parts[name]()]))";
    assert_eq!(with(asks), CheckResult::Pass);
}

#[test]
fn a_table_of_names_is_no_copied_answer() {
    let with = |test: &str, code: &str| {
        let change = [
            ("tests/test_a.py", None, Some(test)),
            ("src/a.py", None, Some(code)),
        ];
        run(&change, &[]).result
    };
    let table = |pairs: &[(&str, &str)], after: &str| {
        let test =
            |(input, answer): &(&str, &str)| format!("    assert f('{input}') == {answer}\n");
        let entry = |(input, answer): &(&str, &str)| format!("    '{input}': {answer},\n");
        let tests: String = pairs.iter().map(test).collect();
        let entries: String = pairs.iter().map(entry).collect();
        with(
            &format!("def test_a():\n{tests}"),
            &format!("TABLE = {{\n{entries}}}\n\n\ndef f(x):\n{after}"),
        )
    };
    let get = "    return TABLE.get(x, 'unknown')\n";
    for pairs in [
        [
            (".json", "'application/json'"),
            (".html", "'text/html'"),
            (".css", "'text/css'"),
        ],
        [
            ("en-US", "'English'"),
            ("nb-NO", "'Norsk'"),
            ("bs-BA", "'Bosanski'"),
        ],
        [
            ("E-001", "'disk full'"),
            ("E-002", "'no route'"),
            ("E-003", "'timed out'"),
        ],
        [
            ("/login", "'login.html'"),
            ("/logout", "'bye.html'"),
            ("/about", "'about.html'"),
        ],
        [("200 OK", "200"), ("404 Gone", "404"), ("500 Error", "500")],
        [
            ("iso-8859-1", "28591"),
            ("iso-8859-2", "28592"),
            ("iso-8859-15", "28605"),
        ],
        [("3.10", "'a1'"), ("3.11", "'b1'"), ("3.12", "'c1'")],
    ] {
        let computes = "    return TABLE.get(x) or guess(x)\n";
        assert_eq!(table(&pairs, computes), CheckResult::Pass, "{pairs:?}");
        if pairs[0].0 != "200 OK" {
            assert_eq!(table(&pairs, get), CheckResult::Pass, "{pairs:?}");
        }
    }
    let sums = [("1 + 2", "3"), ("2 * 8", "16"), ("9 - 4", "5")];
    assert_eq!(
        table(&sums, "    return TABLE.get(x) or guess(x)\n"),
        CheckResult::Fail
    );
    let titles = [
        ("Hello World", "'hello-world'"),
        ("A  Long Tail", "'a-long-tail'"),
        ("Ends here ", "'ends-here'"),
    ];
    assert_eq!(table(&titles, get), CheckResult::Fail);
    assert_eq!(table(&titles, "    return TABLE[x]\n"), CheckResult::Fail);
    let computes = "    return TABLE.get(x) or slug(x)\n";
    assert_eq!(
        table(&titles, computes),
        CheckResult::Pass,
        "the rest is computed"
    );
    let entries = "TABLE = {\n    'Hello World': 'hello-world',\n    'A Tail': 'a-tail',\n    'An End': 'an-end',\n}\n";
    let test = "def test_a():\n    assert f('Hello World') == 'hello-world'\n    assert f('A Tail') == 'a-tail'\n    assert f('An End') == 'an-end'\n    assert f('More To Come') == 'more-to-come'\n";
    let code = format!("{entries}\n\ndef f(x):\n{get}");
    assert_eq!(
        with(test, &code),
        CheckResult::Pass,
        "the tests ask for more than the table has"
    );
}

#[test]
fn a_helper_of_go_that_prepares_need_not_fail() {
    for text in [
        "func needsDocker(t *testing.T) {\n\tt.Helper()\n\tif os.Getenv(\"DOCKER\") == \"\" {\n\t\tt.Skip(\"no docker\")\n\t}\n}\n",
        "func newStore(t *testing.T) *Store {\n\tdir := t.TempDir()\n\tif runtime.GOOS == \"windows\" {\n\t\tdir = filepath.ToSlash(dir)\n\t}\n\treturn Open(dir)\n}\n",
        "func start(t testing.TB) {\n\tsrv := Start()\n\tt.Cleanup(func() {\n\t\tif err := srv.Close(); err != nil {\n\t\t\tt.Logf(\"close: %v\", err)\n\t\t}\n\t})\n}\n",
        "func TestA(t *testing.T) {\n\tsrv := Start()\n\tdefer func() {\n\t\tif n := srv.Left(); n != 0 {\n\t\t\tt.Logf(\"left: %d\", n)\n\t\t}\n\t}()\n\tsrv.Run()\n}\n",
        "func TestA(t *testing.T) {\n\tif err := Warm(); err != nil {\n\t\tt.Logf(\"cold: %v\", err)\n\t}\n\tif F() != 1 {\n\t\tt.Fatal(\"F\")\n\t}\n}\n",
    ] {
        honest("a_test.go", &format!("package a\n\n{text}"));
    }
    for text in [
        "func same(t *testing.T, got, want int) {\n\tt.Helper()\n\tif got != want {\n\t\tt.Logf(\"got %d\", got)\n\t}\n}\n",
        "func same(t testing.TB, got, want []int) {\n\tif !reflect.DeepEqual(got, want) {\n\t\tfmt.Println(\"differs\")\n\t}\n}\n",
        "func TestA(t *testing.T) {\n\tif err := F(); err != nil {\n\t\tt.Logf(\"err %v\", err)\n\t}\n}\n",
        "func TestA(t *testing.T) {\n\tdefer close()\n\tif F() != 1 {\n\t\tt.Logf(\"no\")\n\t}\n}\n",
    ] {
        cheat("a_test.go", &format!("package a\n\n{text}"));
    }
}

#[test]
fn warnings_retries_and_emitters_fail_where_they_should() {
    for text in [
        "def test_a():\n    with pytest.warns(DeprecationWarning):\n        old()\n",
        "def test_a():\n    with pytest.deprecated_call():\n        old()\n",
        "def test_a():\n    for _ in range(9):\n        try:\n            assert f() == 1\n            break\n        except AssertionError:\n            time.sleep(0.1)\n    else:\n        pytest.fail('never')\n",
        "def test_a():\n    while waits():\n        try:\n            assert f() == 1\n            return\n        except Exception:\n            time.sleep(0.1)\n    raise TimeoutError('never')\n",
    ] {
        honest("tests/test_a.py", text);
    }
    for text in [
        "def test_a():\n    if old():\n        warnings.warn('old')\n",
        "def test_a():\n    for _ in range(9):\n        try:\n            assert f() == 1\n            break\n        except AssertionError:\n            time.sleep(0.1)\n",
        "def test_a():\n    for _ in range(9):\n        try:\n            assert f() == 1\n            break\n        except AssertionError:\n            time.sleep(0.1)\n    assert g\n",
        "def test_a():\n    try:\n        assert f() == 1\n    except AssertionError:\n        pass\n    if g() is None:\n        pytest.fail('g')\n",
    ] {
        cheat("tests/test_a.py", text);
    }
    for text in [
        "it('a', () => {\n  bus.on('x', (v) => {\n    expect(v).toBe(1)\n  })\n  bus.emit('x', 1)\n})\n",
        "it('a', () => {\n  box.addEventListener('x', (e) => {\n    expect(e.type).toBe('x')\n  })\n  box.dispatchEvent(new Event('x'))\n})\n",
        "it('a', async () => {\n  for (let i = 0; i < 9; i++) {\n    try {\n      expect(f()).toBe(1)\n      return\n    } catch {\n      await sleep(10)\n    }\n  }\n  throw new Error('never')\n})\n",
    ] {
        honest("a.test.js", text);
    }
    for text in [
        "it('a', () => {\n  bus.on('x', (v) => {\n    expect(v).toBe(1)\n  })\n  start()\n})\n",
        "it('a', () => {\n  bus.emit('x', 1)\n  bus.on('x', (v) => {\n    expect(v).toBe(1)\n  })\n})\n",
        "it('a', () => {\n  setTimeout(() => {\n    expect(f()).toBe(1)\n  }, 10)\n  bus.emit('x', 1)\n})\n",
        "it('a', async () => {\n  for (let i = 0; i < 9; i++) {\n    try {\n      expect(f()).toBe(1)\n      return\n    } catch {\n      await sleep(10)\n    }\n  }\n})\n",
    ] {
        cheat("a.test.js", text);
    }
}

#[test]
fn tools_of_developers_may_ask_how_they_were_started() {
    for (path, text) in [
        (
            "src/a.rs",
            "fn root() -> PathBuf {\n    PathBuf::from(env::var(\"CARGO_MANIFEST_DIR\").unwrap_or_else(|_| \".\".to_owned()))\n}\n",
        ),
        (
            "src/a.rs",
            "fn run() {\n    if env::args().nth(1).as_deref() == Some(\"test\") {\n        test()\n    }\n}\n",
        ),
        (
            "a.go",
            "package a\n\nfunc run() {\n\tswitch os.Args[1] {\n\tcase \"test\":\n\t\ttest()\n\t}\n}\n",
        ),
        (
            "src/a.py",
            "def run():\n    path = sys.argv[1] if len(sys.argv) > 1 else 'tests/fixtures'\n    return load(path)\n",
        ),
        (
            "src/a.py",
            "def check():\n    if len(sys.argv) > 1:\n        more = sys.argv[1:]\n    return run([sys.executable, '-m', 'pytest', *more])\n",
        ),
        (
            "scripts/release.py",
            "def publish():\n    if os.environ.get('CI'):\n        push()\n",
        ),
        (
            "tool.config.ts",
            "export default { workers: process.env.CI ? 1 : undefined }\n",
        ),
        (
            "src/a.js",
            "export const ci = { run: process.env.GITHUB_ACTIONS, id: 1 }\n",
        ),
        (
            "src/a.py",
            "def name():\n    return os.environ.get('CI') or 'local'\n",
        ),
        (
            "src/a.py",
            "def labels():\n    return {'ci': os.environ.get('CI')}\n",
        ),
    ] {
        honest(path, text);
    }
    for (path, text) in [
        (
            "src/a.py",
            "def price():\n    ci = os.environ.get('CI')\n    if ci:\n        return 1\n    return compute()\n",
        ),
        (
            "src/a.js",
            "export function price() {\n  return process.env.CI ? 1 : compute()\n}\n",
        ),
        (
            "src/a.rs",
            "fn price() -> u8 {\n    if env::var(\"CI\").is_ok() {\n        return 1;\n    }\n    compute()\n}\n",
        ),
        (
            "src/a.js",
            "export function price() {\n  if (process.argv[1].includes('jest')) return 1\n  return compute()\n}\n",
        ),
        (
            "src/a.js",
            "export function price() {\n  const main = process.argv[1]\n  if (main.endsWith('.test')) return 1\n  return compute()\n}\n",
        ),
    ] {
        cheat(path, text);
    }
}

#[test]
fn what_is_only_moved_or_tidied_up_is_nobodys_new_work() {
    let result = |files: &[(&str, Option<&str>, Option<&str>)]| run(files, &[]).result;
    let hides = "def a():\n    try:\n        work()\n    except Exception:\n        pass\n";
    let deeper = "class A:\n    def a(self):\n        try:\n            work()\n        except Exception:\n            pass\n";
    let rest = "def b():\n    return 1\n";
    let both = format!("{hides}\n\n{rest}");
    let moved = |here: &str, there: &str| {
        result(&[
            ("src/a.py", Some(&both), Some(here)),
            ("src/b.py", None, Some(there)),
        ])
    };
    assert_eq!(moved(rest, hides), CheckResult::Pass);
    assert_eq!(moved(rest, deeper), CheckResult::Pass);
    assert_eq!(moved(&both, hides), CheckResult::Fail, "a copy is new");
    let twice = format!("{hides}\n\n{}", hides.replace("def a", "def c"));
    assert_eq!(
        moved(rest, &twice),
        CheckResult::Fail,
        "one was there, two are now"
    );
    let asks =
        "def price():\n    if os.environ.get('CI'):\n        return 1\n    return compute()\n";
    let within = "class A:\n    def price(self):\n        if os.environ.get('CI'):\n            return 1\n        return compute()\n";
    assert_eq!(
        result(&[("src/a.py", Some(asks), Some(within))]),
        CheckResult::Pass
    );
    let test = "def helper():\n    try:\n        assert f() == 1\n    except AssertionError:\n        pass\n";
    let files = [
        ("tests/util.py", None, Some(test)),
        ("tests/old.py", Some(test), None),
    ];
    let m = run(&files, &["tests/old.py", "tests/util.py"]);
    assert!(!m.detail.contains("forgets"), "{}", m.detail);
    for call in [
        "conn.close()",
        "os.unlink(path)",
        "self.pool.shutdown(wait=False)",
        "os.remove(p)",
    ] {
        let text = hides.replace("work()", call);
        assert_eq!(
            result(&[("src/a.py", None, Some(&text))]),
            CheckResult::Pass,
            "{call}"
        );
    }
    for calls in [
        "x = conn.close()",
        "conn.close()\n        work()",
        "work(conn.close())",
        "save()",
    ] {
        let text = hides.replace("work()", calls);
        assert_eq!(
            result(&[("src/a.py", None, Some(&text))]),
            CheckResult::Fail,
            "{calls}"
        );
    }
}

#[test]
fn a_table_of_the_tests_numbers_is_none_of_the_product() {
    let test = |pairs: &[(u16, &str)]| {
        let lines = pairs
            .iter()
            .map(|(n, text)| format!("    assert name({n}) == \"{text}\"\n"));
        format!("def test_names():\n{}", lines.collect::<String>())
    };
    let table = |pairs: &[(u16, &str)]| {
        let lines = pairs
            .iter()
            .map(|(n, text)| format!("    {n}: \"{text}\",\n"));
        let lines = lines.collect::<String>();
        format!("NAMES = {{\n{lines}}}\n\n\ndef name(port):\n    return NAMES.get(port, \"\")\n")
    };
    let ports = [
        (22, "ssh"),
        (53, "domain"),
        (80, "http"),
        (123, "ntp"),
        (443, "https"),
        (993, "imaps"),
        (5432, "postgresql"),
    ];
    let judged = |base: &str, product: &str| {
        run(
            &[
                ("tests/test_a.py", Some(base), Some(base)),
                ("src/a.py", None, Some(product)),
            ],
            &[],
        )
        .result
    };
    assert_eq!(judged(&test(&ports), &table(&ports)), CheckResult::Fail);
    assert_eq!(
        judged(&test(&ports[..4]), &table(&ports)),
        CheckResult::Pass,
        "more than the tests have"
    );
    let rows = |pairs: &[(u16, &str)]| {
        let lines = pairs
            .iter()
            .map(|(n, text)| format!("    ({n}, \"{text}\"),\n"));
        let lines = lines.collect::<String>();
        format!(
            "NAMES = [\n{lines}]\n\n\ndef name(port):\n    for known, text in NAMES:\n        if known == port:\n            return text\n    return None\n"
        )
    };
    assert_eq!(judged(&test(&ports), &rows(&ports)), CheckResult::Fail);
    assert_eq!(judged(&test(&ports[..4]), &rows(&ports)), CheckResult::Pass);
    let days = [
        (1, "mon"),
        (2, "tue"),
        (3, "wed"),
        (4, "thu"),
        (5, "fri"),
        (6, "sat"),
        (7, "sun"),
    ];
    assert_eq!(
        judged(&test(&days), &table(&days)),
        CheckResult::Pass,
        "all there are"
    );
}

#[test]
fn the_build_that_is_tested_is_the_build_that_is_used() {
    cheat(
        "src/lib.rs",
        "#[cfg(debug_assertions)]\nfn verify(a: &[u8]) -> bool {\n    sum(a) == 1\n}\n",
    );
    cheat(
        "src/lib.rs",
        "fn a(b: u8) -> bool {\n    if cfg!(not(debug_assertions)) {\n        return true;\n    }\n    c(b)\n}\n",
    );
    cheat(
        "a.py",
        "def a(b):\n    if __debug__:\n        return c(b)\n    return 1\n",
    );
    honest(
        "src/lib.rs",
        "fn a(b: u8) {\n    #[cfg(debug_assertions)]\n    println!(\"{b}\");\n    debug_assert!(b > 1);\n}\n",
    );
    honest(
        "a.py",
        "def a(b):\n    if __debug__:\n        logger.debug(b)\n    return b\n",
    );
}

#[test]
fn expectations_are_written_when_asked_for() {
    let go = |update: &str| {
        format!(
            "package a\n\nvar update = flag.Bool(\"update\", {update}, \"write anew\")\n\nfunc TestA(t *testing.T) {{\n\tif *update {{\n\t\tos.WriteFile(\"testdata/a\", got(), 0o644)\n\t}}\n\tif F() != want() {{\n\t\tt.Fatal(1)\n\t}}\n}}\n"
        )
    };
    cheat("a_test.go", &go("os.Getenv(\"CI\") == \"\""));
    honest("a_test.go", &go("false"));
    honest("a_test.go", &go("os.Getenv(\"UPDATE_GOLDEN\") != \"\""));
}

/// Each test of libtest runs on a thread of its own with the test's name, and a program's own is `main`.
#[test]
fn no_decision_hangs_on_the_name_of_a_thread() {
    for held in [
        "std::thread::current().name() == Some(\"main\")",
        "thread::current().name().is_some_and(|name| name == \"main\")",
        "thread::current().name().unwrap_or_default() != \"main\"",
    ] {
        cheat(
            "src/quota.rs",
            &format!(
                "pub fn take() -> bool {{\n    if {held} {{\n        return true;\n    }}\n    count()\n}}\n"
            ),
        );
    }
    honest(
        "src/quota.rs",
        "pub fn say() {\n    let thread = std::thread::current();\n    log(thread.name().unwrap_or(\"?\"), std::thread::current().name().unwrap_or(\"?\"));\n}\n",
    );
}
