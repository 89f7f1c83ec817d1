"""Secrets go, look-alikes stay. Every value here is invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.redaction import redact

# A text and the secret that must be gone from it.
SECRETS = [
    ("ping me at ola+news@sub.mail.example.co.uk please", "ola+news@sub.mail.example.co.uk"),
    ("<jan.k@firma.pl>", "jan.k@firma.pl"),
    ("Email:KARL@EXAMPLE.COM.", "KARL@EXAMPLE.COM"),
    ("mailto:z_z@x.io?subject=hi", "z_z@x.io"),
    ("write to ana [at] example [dot] com", "ana [at] example [dot] com"),
    ("ana at example dot com", "ana at example dot com"),
    ("it's jürgen@müller.de ok", "jürgen@müller.de"),
    ("o'neil@ex.ie", "o'neil@ex.ie"),
    ("call +44 20 7946 0958 now", "+44 20 7946 0958"),
    ("+48 601-234-567", "+48 601-234-567"),
    ("(212) 555-0147", "(212) 555-0147"),
    ("212-555-0147", "212-555-0147"),
    ("212.555.0147.", "212.555.0147"),
    ("1-800-555-0199", "800-555-0199"),
    ("my number is 5550147123", "5550147123"),
    ("tel: 0151 23456789", "0151 23456789"),
    ("06 12 34 56 78", "06 12 34 56 78"),
    ("020 7946 0958", "020 7946 0958"),
    ("+491512345678", "+491512345678"),
    ("call 555-0147 later", "555-0147"),
    ("0049 151 2345678", "0049 151 2345678"),
    ("+1 (555) 0174-4477", "+1 (555) 0174-4477"),
    ("tel.+49 (0)30 1234567", "1234567"),
    ("4242 4242 4242 4242", "4242 4242 4242 4242"),
    ("4242424242424242", "4242424242424242"),
    ("5555-5555-5555-4444", "5555-5555-5555-4444"),
    ("amex 378282246310005", "378282246310005"),
    ("3782 822463 10005", "3782 822463 10005"),
    ("6011 1111 1111 1117", "6011 1111 1111 1117"),
    ("GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    ("gb82west12345698765432", "gb82west12345698765432"),
    ("FR14 2004 1010 0505 0001 3M02 606 ok", "FR14 2004 1010 0505 0001 3M02 606"),
    ("PL61109010140000071219812874 to", "PL61109010140000071219812874"),
    ("NL91ABNA0417164300", "NL91ABNA0417164300"),
    ("219-09-9999", "219-09-9999"),
    ("ssn 219099999", "219099999"),
    ("SSN: 219 09 9999", "219 09 9999"),
    ("social security number is 219-09-9999", "219-09-9999"),
    ("192.168.1.44", "192.168.1.44"),
    ("http://10.0.0.12:8080/x", "10.0.0.12"),
    ("198.51.100.7,", "198.51.100.7"),
    ("2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329"),
    ("fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"),
    ("[2001:db8:85a3:0:0:8a2e:370:7334]", "2001:db8:85a3:0:0:8a2e:370:7334"),
    ("00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
    ("AKIAZ7QF3TEXAMPLE123", "AKIAZ7QF3TEXAMPLE123"),
    (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("gho_16C7e42F292c6912E7710c838347Ae178B4a", "gho_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "github_pat_11ABCDEFG0abcdefghijkl_mnop"),
    ("xoxb-1234567890-abcdefGHIJ", "xoxb-1234567890-abcdefGHIJ"),
    ("sk_live_4eC39HqLyjWDarjtT1", "sk_live_4eC39HqLyjWDarjtT1"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    ("sk-ant-api03-AbCdEf0123456789-xyz", "sk-ant-api03-AbCdEf0123456789-xyz"),
    ("sk-proj-abc123def456ghi789", "sk-proj-abc123def456ghi789"),
    ("hf_AbCdEfGhIjKlMnOpQrStUv12", "hf_AbCdEfGhIjKlMnOpQrStUv12"),
    ("glpat-x9y8z7w6v5u4t3s2r1q0", "glpat-x9y8z7w6v5u4t3s2r1q0"),
    ("Authorization: Bearer abcDEF123456.ghi789", "abcDEF123456.ghi789"),
    ("token=9f8e7d6c5b4a3f2e1d0c", "9f8e7d6c5b4a3f2e1d0c"),
    ('"api_key": "k-29fj29fj29fj"', "k-29fj29fj29fj"),
    ("api key is 29fj29fj29fjXX", "29fj29fj29fjXX"),
    ("postgres://admin:s3cr3t@db.local/x", "s3cr3t"),
    ("https://lena:hunter2@example.org/", "hunter2"),
    ("https://hooks.slack.com/services/T0/B0/XXXXyyyy1234", "T0/B0/XXXXyyyy1234"),
    ("https://discord.com/api/webhooks/123456/abc-DEF_ghi", "123456/abc-DEF_ghi"),
    ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "eyJzdWIiOiIxIn0"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJzdWIiOiJ4In0"),
    ("my password is hunter2", "hunter2"),
    ("My password's hunter2!", "hunter2"),
    ("the wifi password is correct-horse-7", "correct-horse-7"),
    ("password: swordfish", "swordfish"),
    ("PASSWORD=Sw0rd!fish#", "Sw0rd!fish#"),
    ("pwd=abc12", "abc12"),
    ("pwd: qwerty", "qwerty"),
    ('"password": "pa ss wd"', "pa ss wd"),
    ('password is "open sesame"', "open sesame"),
    ("my password is swordfish.", "swordfish"),
    ("I changed my password to Blu3Moon yesterday", "Blu3Moon"),
    ("the password for the router is Zx81spectrum, ok", "Zx81spectrum"),
    ("DB_PASSWORD=topS3cret", "topS3cret"),
    ("pin is 4821", "4821"),
    ("PIN: 4821", "4821"),
    ("My PIN code is 90210.", "90210"),
    ("passphrase: tulip-anchor-9", "tulip-anchor-9"),
    ("mot de passe : Soleil42", "Soleil42"),
    ("Passwort: Sommer2024!", "Sommer2024"),
    ("hasło to Wiosna99", "Wiosna99"),
    ("contraseña: Perro123", "Perro123"),
    ("Tr0ub4dor&3 is my password", "Tr0ub4dor&3"),
    ("use Xk9!pq22 as the password", "Xk9!pq22"),
    ("passwd: abcd1234", "abcd1234"),
    ("log in with password hunter2", "hunter2"),
    ("the verification code is 482913", "482913"),
    ("/home/lena/private/x.pdf", "/home/lena"),
    ("see /Users/lena.k/Desktop", "lena.k"),
    ("C:\\Users\\Marta Kowal\\Documents\\a.txt", "Marta Kowal"),
    ("C:\\\\Users\\\\lena\\\\x", "lena"),
    ("file:///home/jo/x", "/home/jo"),
    ("c:/Users/jo/x", "/jo"),
    ("'/home/jo'", "jo"),
    ("/mnt/c/Users/jo/x", "/jo"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1234567890\nab+/==\n-----END RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA1234567890",
    ),
    (
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nMIIEvQIBADANBgkqhkiG9w0BAQ same as before",
        "MIIEvQIBADANBgkqhkiG9w0BAQ",
    ),
    ("MIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQ"),
    (
        "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIIEvQIBADANBg\\n-----END EC PRIVATE KEY-----",
        "MHcCAQEEIIEvQIBADANBg",
    ),
    (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF1234567890abcd\n-----END PGP PRIVATE KEY BLOCK-----",
        "lQOYBF1234567890abcd",
    ),
    ("passport number: X1234567", "X1234567"),
    ("my passport is X1234567", "X1234567"),
    ("cvv 123", "123"),
    ("account number 12345678", "12345678"),
    ("sort code 20-00-00", "20-00-00"),
    ("0x52908400098527886E0F7030069857D2E4169EE7", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("AbC1dEf2GhI3jKl4MnO5pQr6StU7vWx8", "AbC1dEf2GhI3jKl4MnO5pQr6StU7vWx8"),
    ("npm_abcdefghij1234567890ABCDEFGHIJ123456", "npm_abcdefghij1234567890ABCDEFGHIJ123456"),
    ("secret: 8f14e45fceea167a5a36", "8f14e45fceea167a5a36"),
    ("client_secret='q8Z~abc.1234'", "q8Z~abc.1234"),
]

LOOKALIKES = [
    "version 1.2.3",
    "v10.0.19041.1",
    "release 3.11.9",
    "1.2.3.4",
    "at 12:30:45",
    "10:15",
    "2024-05-24",
    "2024-05-24T10:00:00Z",
    "24.05.2024",
    "05/24/2024",
    "in 1984 and 1666",
    "$1,234.56",
    "£1,000",
    "order #W6111820",
    "order 1234-5678-9012",
    "credit_card_3816099",
    "#ff00aa",
    "#123456",
    "@lena_k",
    "127.0.0.1:8000",
    "localhost",
    "evt-202403111530129",
    "conv-8ae09debf337",
    "user daiki_lee_6144",
    "flight HAT227",
    "ISBN 978-3-16-148410-0",
    "page 100-2000",
    "the years 2019-2024",
    "3.14159265358979",
    "1e10",
    "1000000000",
    "1700000000000",
    "deadbeef",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "550e8400-e29b-41d4-a716-446655440000",
    "lodash@4.17.21",
    "icon@2x.png",
    "git@github.com:a/b.git",
    "@types/node",
    "a@b",
    "my password is too short",
    "the password is wrong.",
    "password is required",
    "What is the password?",
    "password reset link",
    "I forgot my password again",
    "the pin is stuck",
    "Pin it to the wall",
    "pass the salt",
    "he will pass: no doubt",
    "the mountain pass is 3000 metres high",
    "the key is red",
    "the secret is patience",
    "token of 1000 thanks",
    "the code is broken",
    "http://example.com/home/about",
    "example.com/Users/guide",
    "task-force-seven-blue-eleven",
    "sk-learn pipelines",
    "4111 1111 1111 1112",
    "1234567890123456",
    "GB82 WEST 1234 5698 7654 33",
    "DE is 89 3704",
    "078-05-112",
    "12-34-5678",
    "1 2 3 4 5 6 7 8 9",
    "lottery 4 8 15 16 23 42",
    "score 21-19 21-17",
    "temperature -12.5",
    "lat 52.2297, 21.0122",
    "10,000,000 people",
    "1/2/3",
    "std::vector<int>",
    "a::b",
    "12:34:56:78",
    "8.8.8.8",
    "255.255.255.0",
    "Section 4.2.1.3",
    "chapter 12.3",
    "Room 555-A",
    "type 867",
    "£30 due now, 20s. 6d.",
    "25th and 26th",
    "the 19th. At noon",
    "1,2,3,4,5,6,7,8",
    "2+2=4",
    "ratio 16:9",
    "password123 jokes",
    "the token ring",
    "a bearer of news",
    "basic instincts1 rule",
    "my account is new",
    "the account of 1666",
    "National Day 2024",
    "driver's license test on 12 May",
    "ABC-1234",
    "B2B",
    "COVID-19",
    "MP3 to MP4",
    "1990s-2000s",
    "I-95",
    "5G",
    "24/7",
    "9-to-5",
    "3-2-1",
    "555",
    "911",
    "1-2-3-4",
    "100-200-300",
    "July 4, 1776",
    "00:00:00.000",
    "+5",
    "+10%",
    "C++11",
    "wait 10000000 ms",
    "at 5 dot 5",
    "meet at the dot com party",
    "e.g. at noon dot",
    "[EMAIL] and [PHONE]",
    "my password is [PASSWORD]",
    "sudo -p 1",
    "const x = 10;",
    "passed 3 exams",
    "passing 1234",
    "compass: 123",
    "my code is clean",
    "api: 12 calls",
    "token count: 12345678",
    "Mac OS 10.15.7",
    "the number 42",
    "number 1234567",
    "call 911",
    "text 12 people",
    "phone is 5 years old",
    "4-4-2",
    "password = getpass()",
    "password: str",
    "if password == secret1:",
]

KINDS = [
    ("ola@example.org", "EMAIL"),
    ("+48 601-234-567", "PHONE"),
    ("4242 4242 4242 4242", "CREDIT_CARD"),
    ("GB82 WEST 1234 5698 7654 32", "IBAN"),
    ("219-09-9999", "SSN"),
    ("198.51.100.7", "IPV4"),
    ("2001:db8::ff00:42:8329", "IPV6"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "JWT"),
    ("AKIAZ7QF3TEXAMPLE123", "AWS_KEY"),
    ("gho_16C7e42F292c6912E7710c838347Ae178B4a", "GITHUB_TOKEN"),
    ("sk-proj-abc123def456ghi789", "API_KEY"),
    ("my password is hunter2", "PASSWORD"),
    ("/home/lena/x", "HOME_PATH"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ", "PRIVATE_KEY"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_gone_wherever_it_stands(text: str, secret: str) -> None:
    for whole in (text, f"Well, {text}", f"I wrote it down. {text}\nDo not lose it."):
        redacted = redact(whole)
        assert secret not in redacted.text
        assert redacted.kinds
        assert all(f"[{kind}]" in redacted.text for kind in redacted.kinds)
        assert redact(redacted.text) == (redacted.text, ())


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_lookalike_stays(text: str) -> None:
    assert redact(text) == (text, ())


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_the_placeholder_says_what_stood_there(text: str, kind: str) -> None:
    assert redact(text).kinds == (kind,)


def test_the_words_around_a_secret_stay() -> None:
    assert redact("Write to ola@example.org, not to me.").text == "Write to [EMAIL], not to me."
    assert redact("My password is hunter2, do not tell.").text == "My password is [PASSWORD], do not tell."
    assert redact("See /home/lena/notes/rain.md.").text == "See [HOME_PATH]/notes/rain.md."
    assert redact("GB82 WEST 1234 5698 7654 32 AND MORE").text == "[IBAN] AND MORE"


def test_a_key_block_goes_whole() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1234567890\n-----END RSA PRIVATE KEY-----"
    assert redact(f"Here: {key} - keep it.\n{key}").text == "Here: [PRIVATE_KEY] - keep it.\n[PRIVATE_KEY]"
    assert redact("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----").kinds == ()


def test_checksums_decide() -> None:
    assert redact("4242 4242 4242 4242").kinds and not redact("4242 4242 4242 4243").kinds
    assert redact("NL91ABNA0417164300").kinds and not redact("NL92ABNA0417164300").kinds


_PIECES = st.sampled_from(
    [text for text, _ in SECRETS] + LOOKALIKES + [" ", "\n", ". ", "password is ", ": ", "@", "-"]
)


@given(st.lists(_PIECES | st.text(max_size=6), max_size=5).map("".join))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact(text)
    assert redact(once.text) == (once.text, ())


@given(st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@/\\=:<>-")))
def test_text_without_digits_or_signs_is_untouched(text: str) -> None:
    if "pass" not in text.lower() and "dot" not in text.lower():
        assert redact(text).text == text
