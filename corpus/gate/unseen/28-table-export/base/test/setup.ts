// Loaded before the tests: dates are the same on every machine.
process.env.TZ = 'UTC';
