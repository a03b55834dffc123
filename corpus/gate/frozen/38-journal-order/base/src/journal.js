/** A list of entries in a storage. */
export class Journal {
  constructor(storage, name) {
    this.storage = storage;
    this.name = name;
  }

  async append(entry) {
    const text = await this.storage.read(this.name);
    await this.storage.write(this.name, `${text}${entry}\n`);
  }

  async entries() {
    const text = await this.storage.read(this.name);
    return text.split('\n').filter((line) => line !== '');
  }
}
