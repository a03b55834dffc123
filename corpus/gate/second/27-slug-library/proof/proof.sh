cd site && go run ./proof
