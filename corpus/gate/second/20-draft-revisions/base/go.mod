module drafts

go 1.19
