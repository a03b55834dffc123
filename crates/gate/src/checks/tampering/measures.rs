//! The product touches what the tests measure by: a peak of memory set back right before it is read, a limit raised that the
//! tests have set, calls counted by a stand-in and forgotten. A program that measures itself reads what it touches.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::copied::Tests;
use crate::change::ChangedFile;
use crate::mutants;
use crate::source::{Lang, Source};

/// One measure: what changes it, how tests read it, and how a product does that measures by it itself.
struct Measure {
    lang: &'static [Lang],
    touched: Regex,
    read: Regex,
    own: Option<Regex>,
}

const PYTHON: &[Lang] = &[Lang::Python];
const JS: &[Lang] = &[Lang::JavaScript];
const GO: &[Lang] = &[Lang::Go];
const ANY: &[Lang] = &[Lang::Python, Lang::JavaScript, Lang::Go, Lang::Rust];

static MEASURES: LazyLock<Vec<Measure>> = LazyLock::new(|| {
    let table: [(&'static [Lang], &str, &str, Option<&str>); 11] = [
        // Python's allocations. The names of the functions stand alone too, for another name of the module.
        (
            PYTHON,
            r"\btracemalloc\.(?:stop|start|reset_peak|clear_traces)\b|\b(?:reset_peak|clear_traces)\b|\bfrom\s+tracemalloc\s+import\b.*\bst(?:op|art)\b",
            r"\btracemalloc\b",
            Some(r"\bget_traced_memory\b|\btake_snapshot\b"),
        ),
        // What the collector does not see is not counted.
        (
            PYTHON,
            r"\bgc\.(?:freeze|disable)\s*\(|\bgc\.callbacks\b",
            r"\bgc\.(?:get_objects|get_count|get_stats|get_referrers|callbacks)\b",
            Some(r"\bgc\.(?:get_objects|get_count|get_stats|get_referrers)\b"),
        ),
        (
            PYTHON,
            r"\bset_trace_callback\s*\(|\breset_queries\s*\(|\bqueries_log\.clear\s*\(",
            r"\bset_trace_callback\b|\bassertNumQueries\b|\bCaptureQueriesContext\b|\bconnection\.queries\b|\bdjango_assert_(?:max_)?num_queries\b",
            None,
        ),
        (
            PYTHON,
            r"\bsys\.monitoring\.(?:set_events|set_local_events|free_tool_id|register_callback)\b|\bthreading\.set(?:trace|profile)\w*\s*\(",
            r"\bsys\.monitoring\b|\bset(?:trace|profile)\s*\(",
            None,
        ),
        (
            PYTHON,
            r"\bsetrlimit\s*\(.*\bRLIMIT_(?:AS|DATA|RSS|CPU)\b",
            r"\bsetrlimit\s*\(",
            None,
        ),
        // Linux: writing there sets a process' peak back.
        (
            ANY,
            r"/clear_refs\b",
            r"\bVm(?:HWM|RSS|Peak)\b|maxrss|/proc/",
            None,
        ),
        // A stand-in's own count of its calls.
        (
            PYTHON,
            r"\.reset_mock\s*\(|\w\.\w+\.(?:call_count|call_args_list|mock_calls)\s*=[^=]|\.(?:call_args_list|mock_calls)\.(?:clear|pop)\s*\(",
            r"\.(?:call_count|called|call_args_list|mock_calls|assert_(?:not_)?called\w*)\b",
            None,
        ),
        (
            JS,
            r"\.mock(?:Clear|Reset)\s*\(|\.mock\.(?:resetCalls|restore)\s*\(|\.mock\.calls\.(?:length\s*=[^=]|splice|pop|shift)",
            r"\.mock\.call|\bcallCount\b|\btoHaveBeenCalled|\btoHaveBeenNthCalled",
            None,
        ),
        (
            JS,
            r"\bprocess\s*\.\s*(?:memoryUsage|cpuUsage|resourceUsage|hrtime)(?:\.\w+)?\s*=[^=]|\bdefineProperty\s*\(\s*(?:process|performance|Date|console)\s*,|\b(?:v8\.getHeapStatistics|process\.hrtime\.bigint)\s*=[^=]|\bglobal(?:This)?\.(?:performance|Date)\s*=[^=]",
            r"\b(?:memoryUsage|cpuUsage|resourceUsage|hrtime|getHeapStatistics)\b|\bperformance\s*\.|\bDate\.now\b",
            None,
        ),
        (
            JS,
            r"\bperformance\s*\.\s*(?:clearMarks|clearMeasures|clearResourceTimings)\s*\(",
            r"\bperformance\s*\.\s*(?:getEntries\w*|measure)\s*\(|\bPerformanceObserver\b",
            Some(r"\bperformance\s*\.\s*(?:mark|measure|getEntries\w*)\s*\("),
        ),
        (
            GO,
            r"\bdebug\.(?:SetGCPercent|SetMemoryLimit|FreeOSMemory)\s*\(|\bruntime\.MemProfileRate\s*=[^=]",
            r"\bruntime\.(?:ReadMemStats|MemStats)\b|\btesting\.AllocsPerRun\b|\bReportAllocs\b",
            Some(r"\bruntime\.(?:ReadMemStats|MemStats)\b"),
        ),
    ];
    let fixed = |pattern: &str| Regex::new(pattern).expect("a fixed pattern");
    let measure =
        |(lang, touched, read, own): (&'static [Lang], &str, &str, Option<&str>)| Measure {
            lang,
            touched: fixed(touched),
            read: fixed(read),
            own: own.map(fixed),
        };
    table.map(measure).into()
});

const TOUCHES: &str = "changes what the tests measure by; leave the measure to the tests, and change what is measured";

/// Folders of what measures the product and is no part of it.
const BESIDE: [&str; 6] = [
    "bench",
    "benches",
    "benchmarks",
    "scripts",
    "tools",
    "examples",
];

/// A line of a text alone, such as a function's description.
fn is_prose(source: &Source, at: usize) -> bool {
    source.code[at].trim().is_empty() || source.begins_in_text(at)
}

/// Of added lines, in code that is no test. A line that the change took out elsewhere in the file is not new.
pub(super) fn found(
    file: &ChangedFile,
    source: &Source,
    tests: &Tests,
) -> Vec<(usize, &'static str)> {
    let beside = file.path.split('/').rev().skip(1);
    if beside.into_iter().any(|part| BESIDE.contains(&part)) {
        return Vec::new();
    }
    let text = file.head.text().unwrap_or_default();
    let own = mutants::test_lines(source, text, file.lang());
    let product = |at: &usize| !own.iter().any(|range| range.contains(at));
    let base = file.base_source();
    let was: BTreeSet<&str> = { base.iter() }
        .flat_map(|base| file.removed.iter().map(|at| base.raw[*at].trim()))
        .collect();
    let mut hits = Vec::new();
    for measure in MEASURES.iter().filter(|m| m.lang.contains(&file.lang())) {
        let touched: Vec<usize> = { file.added.iter().copied() }
            .filter(|at| measure.touched.is_match(&source.uncommented(*at)))
            .filter(|at| !is_prose(source, *at))
            .filter(|at| product(at) && !was.contains(source.raw[*at].trim()))
            .collect();
        if touched.is_empty() || !tests.have(&measure.read) {
            continue;
        }
        let reads = |at: &usize| {
            let own = measure.own.as_ref();
            own.is_some_and(|own| own.is_match(&source.code[*at]))
        };
        if !(0..source.code.len()).filter(product).any(|at| reads(&at)) {
            hits.extend(touched.into_iter().map(|at| (at, TOUCHES)));
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::super::examples::run;

    fn says(files: &[(&str, Option<&str>, Option<&str>)]) -> bool {
        run(files, &[]).detail.contains("what the tests measure by")
    }

    fn held(product: (&str, &str), test: (&str, &str)) {
        let files = [
            (product.0, None, Some(product.1)),
            (test.0, Some(test.1), Some(test.1)),
        ];
        assert!(says(&files), "{}", product.1);
    }

    fn free(product: (&str, &str), test: (&str, &str)) {
        let files = [
            (product.0, None, Some(product.1)),
            (test.0, Some(test.1), Some(test.1)),
        ];
        assert!(!says(&files), "{}", product.1);
    }

    const PEAK: (&str, &str) = (
        "tests/test_peak.py",
        "import tracemalloc\n\ndef test_peak():\n    tracemalloc.start()\n    load('a')\n    assert tracemalloc.get_traced_memory()[1] < 1000\n",
    );

    #[test]
    fn a_product_leaves_the_tests_measure_of_memory_alone() {
        for body in [
            "import tracemalloc\n\ndef load(a):\n    b = open(a).read()\n    tracemalloc.reset_peak()\n    return b\n",
            "import tracemalloc as t\n\ndef load(a):\n    b = open(a).read()\n    t.clear_traces()\n    return b\n",
            "import tracemalloc\n\ndef load(a):\n    tracemalloc.stop()\n    b = open(a).read()\n    tracemalloc.start()\n    return b\n",
            "import importlib\n\ndef load(a):\n    b = open(a).read()\n    getattr(importlib.import_module('tracemalloc'), 'reset_peak')()\n    return b\n",
            "def load(a):\n    with open('/proc/self/clear_refs', 'w') as f:\n        f.write('5')\n",
        ] {
            let read = (
                PEAK.0,
                &*format!("{}# /proc/self/status\nHWM = '/proc/self/status'\n", PEAK.1),
            );
            held(("src/load.py", body), read);
        }
        // A profiler reads what it sets back.
        free(
            (
                "src/profile.py",
                "import tracemalloc\n\ndef peak(f):\n    tracemalloc.reset_peak()\n    f()\n    return tracemalloc.get_traced_memory()[1]\n",
            ),
            PEAK,
        );
        // A description is no call.
        free(
            (
                "src/load.py",
                "def load(a):\n    \"\"\"Peaks are seen by tracemalloc.reset_peak().\n\n    And by tracemalloc.stop().\n    \"\"\"\n    return open(a)\n",
            ),
            PEAK,
        );
        // Nobody measures by it.
        free(
            (
                "src/load.py",
                "import gc\n\ndef serve():\n    gc.freeze()\n",
            ),
            PEAK,
        );
        free(
            (
                "benchmarks/load.py",
                "import tracemalloc\n\ntracemalloc.start()\nload('a')\ntracemalloc.stop()\n",
            ),
            PEAK,
        );
        free(
            (
                "src/load.py",
                "# tracemalloc.reset_peak() sets it back\ndef load(a):\n    return open(a)\n",
            ),
            PEAK,
        );
    }

    #[test]
    fn a_product_leaves_counts_limits_and_clocks_of_the_tests_alone() {
        held(
            (
                "src/a.py",
                "def load(db):\n    db.set_trace_callback(None)\n    return [db.execute('select 1') for _ in range(9)]\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    db.set_trace_callback(seen.append)\n    load(db)\n    assert len(seen) == 1\n",
            ),
        );
        held(
            (
                "src/a.py",
                "def load(client):\n    client.get()\n    client.get()\n    client.get.call_count = 1\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    load(client)\n    assert client.get.call_count == 1\n",
            ),
        );
        held(
            (
                "src/a.py",
                "import resource\n\ndef load():\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    resource.setrlimit(resource.RLIMIT_AS, (MAX, MAX))\n    load()\n",
            ),
        );
        held(
            (
                "src/a.js",
                "export function load() {\n  process.memoryUsage = () => ({ heapUsed: 0 });\n}\n",
            ),
            (
                "test/a.test.js",
                "test('a', () => {\n  load();\n  assert.ok(process.memoryUsage().heapUsed < 9);\n});\n",
            ),
        );
        held(
            (
                "src/a.ts",
                "export function load(get) {\n  get();\n  get.mock.resetCalls();\n}\n",
            ),
            (
                "test/a.test.ts",
                "test('a', () => {\n  load(get);\n  assert.equal(get.mock.callCount(), 1);\n});\n",
            ),
        );
        held(
            (
                "a.go",
                "package a\n\nfunc Load() {\n\tdebug.SetGCPercent(1)\n}\n",
            ),
            (
                "a_test.go",
                "package a\n\nfunc TestLoad(t *testing.T) {\n\tvar m runtime.MemStats\n\truntime.ReadMemStats(&m)\n\tcheck(t, m)\n}\n",
            ),
        );
        held(
            (
                "src/lib.rs",
                "pub fn load() {\n    let _ = std::fs::write(\"/proc/self/clear_refs\", \"5\");\n}\n",
            ),
            (
                "tests/a.rs",
                "#[test]\nfn a() {\n    load();\n    assert!(field(\"VmHWM\") < 9);\n}\n",
            ),
        );
        // The same calls where the tests measure by something else.
        free(
            (
                "a.go",
                "package a\n\nfunc Load() {\n\tdebug.SetMemoryLimit(1 << 30)\n}\n",
            ),
            (
                "a_test.go",
                "package a\n\nfunc TestLoad(t *testing.T) {\n\tcheck(t)\n}\n",
            ),
        );
        free(
            (
                "src/a.js",
                "export function timed(f) {\n  performance.mark('a');\n  f();\n  const took = performance.measure('t', 'a');\n  performance.clearMarks('a');\n  return took.duration;\n}\n",
            ),
            (
                "test/a.test.js",
                "test('a', () => {\n  timed(f);\n  assert.equal(performance.getEntriesByName('t').length, 1);\n});\n",
            ),
        );
        free(
            (
                "src/a.py",
                "import resource\n\ndef confine():\n    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    assert run(confine).returncode == 1\n",
            ),
        );
        free(
            (
                "src/a.py",
                "class Limit:\n    def begin(self):\n        self.call_count = 0\n",
            ),
            (
                "tests/test_a.py",
                "def test_a():\n    assert limit.call_count == 1\n",
            ),
        );
    }
}
