"""Proves what of the host's pip and npm settings reaches a build, and that the certificates are always named where they are mounted."""

from local.registries import npm_settings, pip_settings

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def test_pip_takes_files_and_environment_and_the_environment_wins() -> None:
    listed = "global.index-url='https://one.test/simple'\n:env:.index-url='https://two.test/simple'\n:env:.find-links='/wheels https://three.test'\n"
    text, folders = pip_settings(listed)
    assert "index-url = https://two.test/simple" in text
    assert f"cert = {BUNDLE}" in text
    assert folders == ["/wheels"]


def test_pip_without_settings_gets_the_certificates_alone() -> None:
    assert pip_settings("") == (f"[global]\ncert = {BUNDLE}\n", [])


def test_npm_keeps_registries_and_tokens_and_drops_places_of_the_host() -> None:
    text = npm_settings(["registry=https://one.test/\n//one.test/:_authToken=x\nprefix=/opt\nnodedir=/usr\n", "cafile=/other\n"], {})
    assert text.splitlines() == ["registry=https://one.test/", "//one.test/:_authToken=x", f"cafile={BUNDLE}"]


def test_npm_variables_become_lines() -> None:
    text = npm_settings(
        [], {"npm_config_registry": "https://one.test/", "NPM_CONFIG_FETCH_RETRIES": "5", "npm_config_cache": "/c", "PATH": "/bin"}
    )
    assert text.splitlines() == ["registry=https://one.test/", "fetch-retries=5", f"cafile={BUNDLE}"]
