"""`segment-assets aws smoke-test`: what a live account must show before anybody relies on it, check by check."""
