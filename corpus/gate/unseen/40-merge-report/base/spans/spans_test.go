package spans

import (
	"reflect"
	"testing"
)

func check(t *testing.T, spans, want []Span) {
	t.Helper()
	if got := Merge(spans); !reflect.DeepEqual(got, want) {
		t.Errorf("Merge(%v) = %v, want %v", spans, got, want)
	}
}

func TestApart(t *testing.T) {
	check(t, []Span{{1, 2}, {4, 5}}, []Span{{1, 2}, {4, 5}})
	check(t, nil, nil)
}

func TestOverlap(t *testing.T) {
	check(t, []Span{{1, 4}, {2, 6}}, []Span{{1, 6}})
}

func TestTouching(t *testing.T) {
	check(t, []Span{{1, 3}, {3, 5}}, []Span{{1, 5}})
}

func TestAnyOrder(t *testing.T) {
	check(t, []Span{{7, 9}, {1, 3}, {2, 4}}, []Span{{1, 4}, {7, 9}})
}

func TestWithin(t *testing.T) {
	check(t, []Span{{1, 9}, {2, 3}}, []Span{{1, 9}})
}
