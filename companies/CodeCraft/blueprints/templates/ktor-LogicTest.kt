package app

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** What needs neither Ktor nor a database. */
class LogicTest {
    @Test
    fun aBucketGivesWhatItHoldsThenOneTokenForEachShareOfASecond() {
        val buckets = Buckets(2, 2)
        assertEquals(listOf(null, null, 1L), List(3) { buckets.take("a", 0) })
        assertNull(buckets.take("b", 0), "another client has a bucket of its own")
        assertEquals(1L, buckets.take("a", 499_000_000))
        assertNull(buckets.take("a", 500_000_000))
        assertEquals(listOf(null, null, 1L), List(3) { buckets.take("a", 3_600_000_000_000) }, "never more than its capacity")
    }

    @Test
    fun theMemoryOfClientsHasAnEnd() {
        val buckets = Buckets(1, 1)
        repeat(2 * CLIENTS_MAX) { buckets.take(it.toString(), it.toLong()) }
        assertEquals(CLIENTS_MAX, buckets.size)
    }

    @Test
    fun anAddressIsBelievedWhereATrustedProxyWroteIt() {
        assertEquals("192.0.2.1", client("192.0.2.1", null, 1))
        assertEquals("192.0.2.1", client("192.0.2.1", "203.0.113.7", 0), "a stranger can write the header")
        assertEquals("203.0.113.7", client("192.0.2.1", "10.9.9.9, 203.0.113.7", 1))
        assertEquals("192.0.2.1", client("192.0.2.1", "203.0.113.7", 3), "fewer entries than proxies")
        assertEquals("192.0.2.1", client("192.0.2.1", "example.org", 1), "a name is no address, and is not looked up")
        assertEquals("everybody", client(null, null, 0))
    }

    @Test
    fun oneNetworkOfIpv6IsOneClient() {
        assertEquals(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"))
        assertNotEquals(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"))
        assertEquals("203.0.113.7", network("::ffff:203.0.113.7"))
    }

    @Test
    fun allThatIsWrongIsSaidAtOnceAndNoPassword() {
        val set = mapOf("PORT" to "70000", "TRUSTED_PROXIES" to "-1", "DATABASE_URL" to "jdbc:mysql://db/x?password=s3cret")
        val said = assertFailsWith<WrongSettings> { Config.read(set::get) }.message.orEmpty()
        for (part in listOf("PORT takes a whole number from 1 to 65535", "TRUSTED_PROXIES takes", "DATABASE_URL takes")) {
            assertTrue(part in said, said)
        }
        assertFalse("s3cret" in said, said)
    }
}
