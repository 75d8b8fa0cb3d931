"""An ordinary Chalice project, before it adopts the framework."""

from chalice import Chalice, NotFoundError

from chalicelib import orders, prices

app = Chalice(app_name="shop")


@app.route("/orders/{number}", methods=["PUT"])
def put_order(number):
    items = app.current_request.json_body["items"]
    orders.save(number, items, prices.total(items))
    return {"number": number, "cents": prices.total(items)}


@app.route("/orders/{number}")
def get_order(number):
    order = orders.find(number)
    if order is None:
        raise NotFoundError(f"no order {number}")
    return {"items": order["items"], "cents": int(order["cents"])}


@app.schedule("rate(1 day)")
def report(event):
    return {"prices": len(prices.PRICES)}
