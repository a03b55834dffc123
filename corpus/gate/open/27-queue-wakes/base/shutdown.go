package queue

import (
	"context"
	"time"
)

// How long running jobs may take to end when the service stops.
const shutdownTimeout = 10 * time.Second

// Shutdown returns a context for the end of the service.
func Shutdown(parent context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(parent, shutdownTimeout)
}
