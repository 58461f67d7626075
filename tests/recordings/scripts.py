"""What is said in the project's own recordings: (speaker, text), turn by turn."""

from __future__ import annotations

SERVICE_CALL = (
    ("agent", "Good morning, and thank you for calling Harbor Bicycles. My name is Daniel. What can I do for you?"),
    ("customer", "Hello, Daniel. I ordered a blue bicycle for my daughter three weeks ago, and it is still not here."),
    ("agent", "I am so sorry to hear that. May I have your name, please?"),
    ("customer", "My name is Laura Bennett."),
    ("agent", "Thank you, Laura. Do you have the order number?"),
    ("customer", "Yes, I do. It is number twenty five."),
    ("agent", "Let me check. Your bicycle was damaged in our warehouse last Monday, and nobody told you."),
    (
        "customer",
        (
            "I am very disappointed. Her birthday is on the fifth of December, and I am worried that she will have no "
            "present. Can you send another one before Friday?"
        ),
    ),
    ("agent", "Of course. I will send a new bicycle tomorrow. Would you like a free lamp as well?"),
    ("customer", "Oh, that would be wonderful. She will love it. How much is the delivery?"),
    ("agent", "The delivery is free. Is there anything else that I can do for you?"),
    ("customer", "That is all. Thank you so much for your help."),
    ("agent", "You are very welcome, Laura. Have a lovely day. Goodbye."),
)

ONE_SENTENCE = (("agent", "The library opens at eight, and everyone is welcome."),)

ANGRY_REFUND = (
    ("agent", "Good morning, and thank you for calling Harbor Bicycles. How can I help you?"),
    ("customer", "I am really angry. I paid for a helmet in March, and you sent me the wrong one twice."),
    ("agent", "I am very sorry about this terrible mistake. What is the number of your order?"),
    ("customer", "It is number forty two. This is the worst service that I have ever seen. I want my money back."),
    ("agent", "I understand. I will send the refund today, and you will have it before Thursday."),
    ("customer", "And who pays when I send this one back?"),
    ("agent", "We pay for that. You will get a message by email in five minutes."),
    ("customer", "Good. But I will never buy a helmet from you again."),
)

HAPPY_RIDER = (
    ("agent", "Good morning, and thank you for calling Harbor Bicycles. My name is Daniel."),
    ("customer", "Hello, Daniel. I just want to say thank you. The new bicycle is wonderful, and my son loves it."),
    ("agent", "That is so nice to hear. Is he happy with the color?"),
    ("customer", "He is very happy. It is so beautiful. Do you sell a lamp as well?"),
    ("agent", "Yes, we do. The lamp is twenty dollars. Would you like to order one now?"),
    ("customer", "That would be wonderful. Your shop is great, and I will tell all of my friends about it."),
    ("agent", "Thank you so much. The lamp will be with you on Saturday. Have a lovely day."),
)

WORKSHOP_APPOINTMENT = (
    ("agent", "Good morning, and thank you for calling the workshop of Harbor Bicycles."),
    ("customer", "Good morning. My bicycle makes a strange noise. Can you look at them this week?"),
    ("agent", "Let me see. We are free on Wednesday at ten, or on Friday at three. What suits you?"),
    ("customer", "Friday at three is good. How long will the repair take?"),
    ("agent", "About one hour. The repair is thirty dollars. I will call you before I change anything."),
    ("customer", "That is not too much. Can I wait in your shop?"),
    ("agent", "Of course you can. We have coffee and a warm room."),
    ("customer", "Lovely. See you on Friday, then."),
)

ONE_TOO_MANY = (
    ("customer", "Good morning. My name is Laura Bennett. There is a problem with my last order."),
    ("agent", "Hello, Laura. What would you like to know?"),
    ("customer", "Why did you send five bicycles? We needed only four."),
    ("agent", "You are right. That was a mistake in our warehouse, and I am sorry for the trouble."),
    ("customer", "Can you take it back before Friday? I do not have a place for it in the house."),
    ("agent", "Certainly. I will send somebody tomorrow morning, and you do not have to pay for it."),
    ("customer", "Good. And what happens if it rains tonight?"),
    ("agent", "Nothing will happen. It is made for the rain."),
    ("customer", "Perfect. Thank you for your quick help."),
)

SAMPLE_CALLS = {
    "two-voices": SERVICE_CALL,
    "angry-refund": ANGRY_REFUND,
    "happy-rider": HAPPY_RIDER,
    "workshop-appointment": WORKSHOP_APPOINTMENT,
    "one-too-many": ONE_TOO_MANY,
}
"""The calls that ship with the package, by the names of their files."""
