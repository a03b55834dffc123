module contacts

go 1.19
