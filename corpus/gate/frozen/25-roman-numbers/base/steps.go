package roman

type step struct {
	value   int
	letters string
}

var steps = []step{
	{1000, "M"}, {500, "D"}, {100, "C"}, {50, "L"}, {10, "X"}, {5, "V"}, {1, "I"},
}
