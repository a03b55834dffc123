/** A storage that keeps texts in memory. */
export function memoryStorage() {
  const texts = new Map();
  return {
    async read(name) {
      return texts.get(name) ?? '';
    },
    async write(name, text) {
      texts.set(name, text);
    },
  };
}
