export const en = {
  ok: "OK",
  cancel: "Cancel",
  save: "Save",
  saved: "Your changes were saved.",
  delete: "Delete",
  deleteAsk: "Do you really want to delete {name}?",
  deleted: "{name} was deleted.",
  status: "Status",
  search: "Search",
  found: "{count} results for {query}",
  foundNone: "Nothing was found.",
  loginFailed: "The name or the password is wrong.",
  offline: "The server cannot be reached. We try again in {seconds} seconds.",
  tooLarge: "The file is larger than {limit}.",
  welcome: "Good morning, {name}!",
};

export type Texts = Record<keyof typeof en, string>;
