"""Routes, a schedule and a queue's function for operators."""

from chalice import Blueprint, Rate

admin = Blueprint(__name__)


@admin.route("/users")
def users():
    return {"for": admin.current_app.app_name}


@admin.schedule(Rate(1, unit=Rate.HOURS))
def tidy(event):
    return {}


@admin.on_sqs_message(queue="mail")
def mail(event):
    return [record.body for record in event]


@admin.lambda_function()
def rebuild(event, context):
    return {"built": True}
