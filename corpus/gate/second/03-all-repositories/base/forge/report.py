"""What the overview says about a user."""


def overview(client, name):
    repos = client.list_repos(name)
    return f"{name} has {len(repos)} repositories, the first is {repos[0]}" if repos else f"{name} has none"
