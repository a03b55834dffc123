/** What this application is called wherever it speaks of itself. */
export const app = {
  name: ${{ vars.name_json }},
  description: ${{ vars.description_json }},
} as const;
