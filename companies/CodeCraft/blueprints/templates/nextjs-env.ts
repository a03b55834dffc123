/** The settings of this process; `.env.example` explains each. */
export type Env = {
  rateLimitPerS: number;
  rateLimitBurst: number;
  trustedProxies: number;
};

type Source = Readonly<Record<string, string | undefined>>;

/**
 * Reads all settings, and says everything that is wrong at once.
 *
 * @throws Error which names each setting, its value and what it takes.
 */
export function readEnv(source: Source): Env {
  const wrong: string[] = [];
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const text = source[name]?.trim() ?? "";
    if (text === "") {
      return fallback;
    }
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) {
      wrong.push(`${name}=${JSON.stringify(text)}: a whole number from ${String(least)} to ${String(most)}`);
    }
    return value;
  };
  const env = {
    rateLimitPerS: whole("RATE_LIMIT_PER_S", 10, 1, 10_000),
    rateLimitBurst: whole("RATE_LIMIT_BURST", 40, 1, 100_000),
    trustedProxies: whole("TRUSTED_PROXIES", 0, 0, 10),
  };
  if (wrong.length > 0) {
    throw new Error(`these settings cannot be used:\n${wrong.join("\n")}`);
  }
  return env;
}
