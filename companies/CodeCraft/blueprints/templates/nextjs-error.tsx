"use client";

/** What a visitor sees of an error: its digest, by which it is found in the server's log, and nothing of its words. */
export default function ErrorPage({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <>
      <h1>Something went wrong</h1>
      <p>The error is recorded{error.digest === undefined ? "." : ` as ${error.digest}.`}</p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </>
  );
}
