"""The functions behind the sockets, which app.py registers."""


def connect(event):
    return {"statusCode": 200}


def message(event):
    print("message of", len(event.body))
