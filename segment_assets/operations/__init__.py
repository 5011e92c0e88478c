"""What keeps the platform running: automation, refresh without a daemon, data age, alerts."""
