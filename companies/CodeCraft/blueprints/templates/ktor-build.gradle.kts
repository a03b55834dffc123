plugins {
    alias(libs.plugins.kotlin.jvm)
    alias(libs.plugins.kotlin.serialization)
    application
}

version = "0.1.0"

kotlin {
    jvmToolchain(21)
}

application { mainClass = "app.MainKt" }

dependencies {
    implementation(libs.ktor.server.core)
    implementation(libs.ktor.server.netty)
    implementation(libs.ktor.server.content.negotiation)
    implementation(libs.ktor.server.status.pages)
    implementation(libs.ktor.server.body.limit)
    implementation(libs.ktor.serialization.kotlinx.json)
    implementation(libs.logback.classic)
    implementation(libs.hikari)
    implementation(libs.postgresql)
    testImplementation(libs.ktor.server.test.host)
    testImplementation(libs.kotlin.test)
}

// The migrations are part of the program.
sourceSets { main { resources.srcDir("migrations-as-resources") } }
val migrations by tasks.registering(Sync::class) {
    from("migrations")
    into("migrations-as-resources/migrations")
}
tasks.processResources { dependsOn(migrations) }

// Which versions were resolved is written down: `gradle dependencies --write-locks` once, then commit gradle.lockfile.
dependencyLocking { lockAllConfigurations() }

tasks.test {
    useJUnitPlatform()
    // The PostgreSQL of the tests, where there is one.
    environment("DATABASE_URL", System.getenv("DATABASE_URL") ?: "")
}
