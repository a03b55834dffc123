package app

/** Everything that is wrong at once: each setting and what it takes. The database's URL itself is never in it. */
class WrongSettings(message: String) : IllegalArgumentException(message)

/** The settings of this process; `.env.example` explains each. No data class: the URL may hold a password. */
class Config(
    val databaseUrl: String,
    val host: String,
    val port: Int,
    val rateLimitPerS: Int,
    val rateLimitBurst: Int,
    val trustedProxies: Int,
) {
    companion object {
        fun read(get: (String) -> String?): Config {
            val wrong = mutableListOf<String>()
            fun whole(name: String, usual: Int, range: IntRange): Int {
                val text = get(name).orEmpty().trim()
                if (text.isEmpty()) return usual
                return text.toIntOrNull()?.takeIf { it in range } ?: usual.also {
                    wrong += "$name takes a whole number from ${range.first} to ${range.last}"
                }
            }
            val url = get("DATABASE_URL").orEmpty()
            if (!url.startsWith("jdbc:postgresql://")) {
                wrong += "DATABASE_URL takes jdbc:postgresql://HOST/DATABASE?user=USER"
            }
            val config = Config(
                databaseUrl = url,
                host = get("HOST").orEmpty().trim().ifEmpty { "127.0.0.1" },
                port = whole("PORT", 8080, 1..65535),
                rateLimitPerS = whole("RATE_LIMIT_PER_S", 10, 1..10_000),
                rateLimitBurst = whole("RATE_LIMIT_BURST", 40, 1..100_000),
                trustedProxies = whole("TRUSTED_PROXIES", 0, 0..10),
            )
            if (wrong.isNotEmpty()) throw WrongSettings(wrong.joinToString("; "))
            return config
        }
    }
}
