import { app } from "../lib/app";

export default function Home() {
  return (
    <>
      <h1>{app.name}</h1>
      <p>{app.description}</p>
      <p>
        Health: <a href="/api/health">/api/health</a>
      </p>
    </>
  );
}
