package app

import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.application.install
import io.ktor.server.plugins.BadRequestException
import io.ktor.server.plugins.PayloadTooLargeException
import io.ktor.server.plugins.statuspages.StatusPages
import io.ktor.server.response.header
import io.ktor.server.response.respondText
import java.sql.SQLException
import java.sql.SQLTransientConnectionException
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json

/** One thing that is wrong with what was sent, and where it stands as a JSON pointer. */
@Serializable
class Wrong(val pointer: String, val detail: String)

/** An error as RFC 9457 describes it (`application/problem+json`): the one shape of all errors of this API. */
@Serializable
private class Problem(
    val type: String,
    val title: String,
    val status: Int,
    val detail: String,
    val errors: List<Wrong>? = null,
)

/** Fields that cannot be used. */
class Invalid(val errors: List<Wrong>) : RuntimeException("Some fields cannot be used.")

private val PROBLEM = ContentType("application", "problem+json")

suspend fun ApplicationCall.problem(status: HttpStatusCode, detail: String, errors: List<Wrong>? = null) {
    val problem = Problem("about:blank", status.description, status.value, detail, errors)
    respondText(Json.encodeToString(problem), PROBLEM, status)
}

suspend fun ApplicationCall.tooMany(retryAfterS: Long) {
    response.header(HttpHeaders.RetryAfter, retryAfterS.toString())
    problem(HttpStatusCode.TooManyRequests, "Too many requests; try again in $retryAfterS s.")
}

fun Application.problems() {
    install(StatusPages) {
        status(HttpStatusCode.NotFound) { call, _ -> call.problem(HttpStatusCode.NotFound, "There is nothing at this path.") }
        status(HttpStatusCode.MethodNotAllowed) { call, status -> call.problem(status, "This path does not take this method.") }
        status(HttpStatusCode.UnsupportedMediaType) { call, status -> call.problem(status, "A body is application/json.") }
        exception<Invalid> { call, cause ->
            call.problem(HttpStatusCode.UnprocessableEntity, "Some fields cannot be used.", cause.errors)
        }
        exception<BadRequestException> { call, _ -> call.problem(HttpStatusCode.BadRequest, "The request cannot be read.") }
        exception<PayloadTooLargeException> { call, _ ->
            call.problem(HttpStatusCode.PayloadTooLarge, "A body has at most $BODY_BYTES_MAX bytes.")
        }
        exception<SQLTransientConnectionException> { call, cause ->
            call.application.environment.log.error("the database does not answer", cause)
            call.problem(HttpStatusCode.ServiceUnavailable, "The database does not answer.")
        }
        exception<SQLException> { call, cause -> call.failed(cause) }
        exception<Throwable> { call, cause -> call.failed(cause) }
    }
}

/** What a stranger is told is that it failed; the log has the rest. */
private suspend fun ApplicationCall.failed(cause: Throwable) {
    application.environment.log.error("a request failed", cause)
    problem(HttpStatusCode.InternalServerError, "The request could not be carried out; the error is recorded.")
}
