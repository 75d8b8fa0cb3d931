"""Cookies, CORS and authorizers on HTTP routes, and a socket that reads the cookie."""

import os
from http.cookies import SimpleCookie

from boto3.session import Session
from chalice import AuthResponse, Chalice, CORSConfig, IAMAuthorizer, Response

app = Chalice(app_name="storefront")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])

cors = CORSConfig(
    allow_origin=os.environ.get("ORIGIN", "*"),
    allow_headers=["X-Cart"],
    max_age=600,
    allow_credentials=True,
)


@app.authorizer(ttl_seconds=60)
def signed_in(auth_request):
    allowed = ["*"] if auth_request.token == "allow" else []
    return AuthResponse(routes=allowed, principal_id="ann")


@app.route("/cart", cors=cors)
def cart():
    cookie = app.current_request.headers.get("cookie", "")
    names = list(SimpleCookie(cookie))
    return Response(names, headers={"Set-Cookie": "seen=1; Secure; HttpOnly"})


@app.route("/cart", methods=["PUT"], cors=cors, authorizer=signed_in)
def fill():
    return app.current_request.json_body


@app.route("/stock", methods=["DELETE"], authorizer=IAMAuthorizer())
def clear():
    return {}


@app.on_ws_connect()
def connect(event):
    cookie = event.to_dict()["headers"].get("Cookie", "")
    return {"statusCode": 200 if "refused" not in cookie else 403}


@app.on_ws_message()
def message(event):
    pass
