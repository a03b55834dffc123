package app

import java.net.Inet6Address
import java.net.InetAddress
import kotlin.math.ceil
import kotlin.math.min

/** More clients than this at once are beyond one process; the longest unseen one is forgotten. */
const val CLIENTS_MAX = 10_000

/**
 * A token bucket per client, in the memory of this process: each server counts for itself and a restart forgets. Behind
 * several servers, count at the load balancer or in a shared store instead.
 */
class Buckets(private val capacity: Int, private val refillPerS: Int) {
    private class Bucket(var tokens: Double, var atNs: Long)

    /** In order of their last use, the oldest first. */
    private val clients = LinkedHashMap<String, Bucket>(16, 0.75f, true)

    val size: Int get() = synchronized(clients) { clients.size }

    /** Takes one token; without one, the whole seconds after which there is one again. `nowNs` is `System.nanoTime()`. */
    fun take(client: String, nowNs: Long): Long? = synchronized(clients) {
        val bucket = clients.getOrPut(client) { Bucket(capacity.toDouble(), nowNs) }
        if (clients.size > CLIENTS_MAX) clients.remove(clients.keys.first())
        bucket.tokens = min(capacity.toDouble(), bucket.tokens + (nowNs - bucket.atNs) / 1e9 * refillPerS)
        bucket.atNs = nowNs
        if (bucket.tokens < 1) return ceil((1 - bucket.tokens) / refillPerS).toLong()
        bucket.tokens -= 1
        null
    }
}

/**
 * Whom a request is counted for. Each proxy appends the address that it saw to `X-Forwarded-For`; all before the entries of
 * our own proxies is what a stranger wrote.
 */
fun client(peer: String?, forwardedFor: String?, trustedProxies: Int): String {
    val seen = forwardedFor.orEmpty().split(',').map { it.trim() }
    val told = if (trustedProxies == 0) null else seen.getOrNull(seen.size - trustedProxies)
    return told?.let(::network) ?: peer?.let(::network) ?: "everybody"
}

private val ADDRESS = Regex("[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

/** An address as a client: one household has 2^64 addresses of IPv6, so that its network is the client. */
fun network(text: String): String? {
    // What is no address would be looked up as a name.
    if (!ADDRESS.matches(text)) return null
    val address = runCatching { InetAddress.getByName(text) }.getOrNull() ?: return null
    if (address !is Inet6Address) return address.hostAddress
    val bytes = address.address
    bytes.fill(0, 8)
    return InetAddress.getByAddress(bytes).hostAddress + "/64"
}
