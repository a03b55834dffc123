export type Load = () => Promise<Record<string, boolean>>;

/** Knows which features are switched on. */
export class Flags {
  private values: Record<string, boolean> | undefined;

  constructor(private readonly load: Load) {}

  async isOn(name: string): Promise<boolean> {
    if (this.values === undefined) this.refresh();
    return this.values?.[name] ?? false;
  }

  private async refresh(): Promise<void> {
    this.values = await this.load();
  }
}
