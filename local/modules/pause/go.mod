module temporalpreviews.local/pause

go 1.27
