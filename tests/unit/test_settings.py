"""Settings from variables: defaults, every variable, and what is refused with the variable's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.settings import AccessKey, Settings, SettingsError


def test_nothing_set_is_a_laptop() -> None:
    settings = Settings.from_environ({})

    assert settings.home == Path("~/.raylambda").expanduser()
    assert (settings.host, settings.port) == ("127.0.0.1", 8470)
    assert (settings.auth, settings.isolation, settings.network) == ("sigv4", "jail", "egress")
    assert settings.access_keys == ()
    assert settings.ray_address is settings.database_url is settings.host_memory_mb is None
    assert settings.async_retry_waits_s == (60.0, 120.0)


def test_every_variable_is_read(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "RAYLAMBDA_HOME": str(tmp_path),
            "RAYLAMBDA_HOST": "0.0.0.0",
            "RAYLAMBDA_PORT": "0",
            "RAYLAMBDA_RAY_ADDRESS": "auto",
            "RAYLAMBDA_REGION": "eu-central-1",
            "RAYLAMBDA_ACCOUNT_ID": "000011112222",
            "RAYLAMBDA_ACCESS_KEYS": "AKID1:one, AKID2:two:999988887777",
            "RAYLAMBDA_AUTH": "none",
            "RAYLAMBDA_HOST_NAMES": "Lambda.Example.org., 10.0.0.7,::1",
            "RAYLAMBDA_DATABASE_URL": "postgresql://db/x",
            "RAYLAMBDA_FUNCTION_ENV": '{"A": "b"}',
            "RAYLAMBDA_RUNTIMES": '{"python3.14": "/opt/python"}',
            "RAYLAMBDA_ISOLATION": "process",
            "RAYLAMBDA_NETWORK": "none",
            "RAYLAMBDA_EGRESS_ALLOW": "db:5432, [::1]:6379",
            "RAYLAMBDA_CONCURRENCY": "20",
            "RAYLAMBDA_IDLE_TIMEOUT_S": "1.5",
            "RAYLAMBDA_LOG_RETENTION_DAYS": "0.5",
            "RAYLAMBDA_HOST_MEMORY_MB": "2048",
            "RAYLAMBDA_CACHE_MB": "500",
            "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "1,2.5",
        }
    )

    assert settings == Settings(
        home=tmp_path,
        host="0.0.0.0",
        port=0,
        ray_address="auto",
        region="eu-central-1",
        account_id="000011112222",
        access_keys=(AccessKey("AKID1", "one", "000011112222"), AccessKey("AKID2", "two", "999988887777")),
        auth="none",
        host_names=("lambda.example.org", "10.0.0.7", "::1"),
        database_url="postgresql://db/x",
        function_env={"A": "b"},
        runtimes={"python3.14": "/opt/python"},
        isolation="process",
        network="none",
        egress_allow=("db:5432", "[::1]:6379"),
        concurrency=20,
        idle_timeout_s=1.5,
        log_retention_days=0.5,
        host_memory_mb=2048,
        cache_mb=500,
        async_retry_waits_s=(1.0, 2.5),
    )


REFUSED = [
    ("RAYLAMBDA_ACCOUNT_ID", "12345"),
    ("RAYLAMBDA_ACCOUNT_ID", "12345678901x"),
    ("RAYLAMBDA_PORT", "http"),
    ("RAYLAMBDA_PORT", "-1"),
    ("RAYLAMBDA_PORT", "65536"),
    ("RAYLAMBDA_PORT", "80.5"),
    ("RAYLAMBDA_AUTH", "None"),
    ("RAYLAMBDA_HOST_NAMES", "http://lambda.example.org"),
    ("RAYLAMBDA_HOST_NAMES", "lambda.example.org:8470"),
    ("RAYLAMBDA_HOST_NAMES", "*.example.org"),
    ("RAYLAMBDA_HOST_NAMES", "::g"),
    ("RAYLAMBDA_ISOLATION", ""),
    ("RAYLAMBDA_NETWORK", "bridge"),
    ("RAYLAMBDA_CONCURRENCY", "many"),
    ("RAYLAMBDA_CONCURRENCY", "inf"),
    ("RAYLAMBDA_IDLE_TIMEOUT_S", "nan"),
    ("RAYLAMBDA_FUNCTION_ENV", "A=b"),
    ("RAYLAMBDA_FUNCTION_ENV", '{"A": 1}'),
    ("RAYLAMBDA_RUNTIMES", "[]"),
    ("RAYLAMBDA_ACCESS_KEYS", "id"),
    ("RAYLAMBDA_ACCESS_KEYS", "id:"),
    ("RAYLAMBDA_ACCESS_KEYS", "a:b:c:d"),
    ("RAYLAMBDA_ACCESS_KEYS", "id:secret:account"),
    ("RAYLAMBDA_EGRESS_ALLOW", "db"),
    ("RAYLAMBDA_EGRESS_ALLOW", "db:0"),
    ("RAYLAMBDA_EGRESS_ALLOW", "db:65536"),
    ("RAYLAMBDA_ASYNC_RETRY_WAITS_S", "1,,2"),
    ("RAYLAMBDA_ASYNC_RETRY_WAITS_S", "-1"),
    ("RAYLAMBDA_ASYNC_RETRY_WAITS_S", "inf"),
]


@pytest.mark.parametrize(("variable", "value"), REFUSED)
def test_what_cannot_be_used_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} .*it takes "):
        Settings.from_environ({variable: value})


def test_a_bad_list_of_keys_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environ({"RAYLAMBDA_ACCESS_KEYS": "AKID:very-secret:account"})

    assert "very-secret" not in str(error.value)


def test_secrets_do_not_show_in_reprs() -> None:
    settings = Settings.from_environ({"RAYLAMBDA_ACCESS_KEYS": "AKID:very-secret"})

    assert "very-secret" not in repr(settings)
