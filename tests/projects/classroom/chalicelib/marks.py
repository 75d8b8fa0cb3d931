def average(marks):
    numbers = [float(mark) for mark in marks.split("-") if mark.isdigit()]
    return sum(numbers) / len(numbers) if numbers else None
