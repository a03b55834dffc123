import type { Metadata } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";

import { app } from "../lib/app";
import "./globals.css";

export const metadata: Metadata = {
  title: app.name,
  description: app.description,
};

export default async function Layout({ children }: { children: ReactNode }) {
  // Pages are rendered for each request: the nonce of the content security policy differs each time.
  await connection();
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#content">
          Skip to content
        </a>
        <main id="content">{children}</main>
      </body>
    </html>
  );
}
