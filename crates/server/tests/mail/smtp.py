"""An SMTP server for tests: prints its port, then each mail that it took as one line of JSON.

smtp.py MODE CERTIFICATE KEY LOGIN: MODE is none, starttls or tls; LOGIN is user:password, or empty for none.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, certificate, key, login = sys.argv[1:5]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return f"550 <{address}>: no such mailbox"
        if address.startswith("later@"):
            return f"451 <{address}>: try again later"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server, session, envelope):
        took = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode("utf-8"),
            "tls": session.ssl is not None or mode == "tls",
            "login": session.authenticated,
        }
        print(json.dumps(took), flush=True)
        return "250 taken"


def known(server, session, envelope, mechanism, given):
    right = f"{given.login.decode()}:{given.password.decode()}" == login
    return AuthResult(success=right, handled=right)


async def main():
    context = None
    if mode != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    how = {"hostname": "test", "enable_SMTPUTF8": True}
    if mode == "starttls":
        how.update(tls_context=context, require_starttls=True)
    if login:
        how.update(authenticator=known, auth_required=True, auth_require_tls=mode == "starttls")
    loop = asyncio.get_running_loop()
    wrapped = context if mode == "tls" else None
    server = await loop.create_server(lambda: SMTP(Handler(), **how), "127.0.0.1", 0, ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
