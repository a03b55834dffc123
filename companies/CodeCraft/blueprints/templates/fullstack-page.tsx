import { apiUrl, newestNotes } from "../lib/api";
import { app } from "../lib/app";

export default async function Home() {
  const answer = await newestNotes(apiUrl(process.env));
  return (
    <>
      <h1>{app.name}</h1>
      <p>{app.description}</p>
      <h2>Notes</h2>
      {"problem" in answer ? (
        <p role="alert">{answer.problem}</p>
      ) : answer.notes.length === 0 ? (
        <p>There is no note yet.</p>
      ) : (
        <ul>
          {answer.notes.map((note) => (
            <li key={note.id}>{note.title}</li>
          ))}
        </ul>
      )}
      <p>
        Health: <a href="/api/health">/api/health</a>
      </p>
    </>
  );
}
