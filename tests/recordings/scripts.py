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


FLAT_VIEWING = (
    ("caller", "Hi there. I'm calling about the flat on Mill Road. Is it still available?"),
    ("owner", "Yes, it is. We have had a few calls this morning, but nobody has taken it yet."),
    ("caller", "That's great news. How big is it?"),
    ("owner", "It has two bedrooms and a small garden at the back. The kitchen was redone last year."),
    ("caller", "Are pets allowed? I have an old cat. She is very quiet."),
    ("owner", "Well, I usually say no, but I like cats. When would you like to move in?"),
    ("caller", "The first of the month would be perfect. My lease runs out then."),
    ("owner", "Okay. Could you come for a viewing on Thursday?"),
    ("caller", "I finish work at five. Do I need to pay anything before I see it?"),
    ("owner", "No, not before you sign. There is a deposit of one month's rent."),
    ("caller", "Thanks a lot. See you on Thursday."),
)

SLOW_INTERNET = (
    ("support", "Thanks for holding. This is Marcus from technical support. How can I help you today?"),
    ("user", "My internet keeps dropping. It happens every evening around eight, and I have restarted it twice."),
    ("support", "I see. Which lights are on right now?"),
    ("user", "The power light is green, and the one next to it is orange."),
    ("support", "Has anything changed in the house recently?"),
    ("user", "We got a new telephone last week. Why do you ask?"),
    ("support", "It may be on the same channel. Let me change the channel for you. That will take a minute."),
    ("user", "Now it is green. That was quick."),
    ("support", "Excellent. You should see better speeds as well. Is there anything else that I can do for you?"),
    ("user", "My last bill was forty dollars too high. Can you check that?"),
    ("support", "That is a different department. Would you like me to put you through?"),
    ("user", "Yes, please. Thank you for your help, Marcus."),
)

MISSED_FLIGHT = (
    ("desk", "Good evening, and welcome to Northern Air. What can I do for you?"),
    ("traveller", "We missed our flight to Boston. The train from the city was two hours late."),
    ("desk", "Oh no. That happens a lot this week. How many of you are travelling?"),
    ("traveller", "There are three of us. My mother is eighty, and she cannot sit here all night."),
    ("desk", "I understand. The next plane leaves at seven in the morning. It has five free seats."),
    ("traveller", "Is there nothing earlier? Maybe with another airline?"),
    ("desk", "I am afraid not. I can give you a room in the hotel across the street."),
    ("traveller", "Who pays for that?"),
    ("desk", "You do not have to pay. Here are your new tickets. Do you have any bags?"),
    ("traveller", "Only two small ones. What time should we be back?"),
    ("desk", "Please be here at half past five. Breakfast starts at four. Sleep well."),
)

TEAM_MEETING = (
    ("chair", "Let us get started. Everyone has seen the numbers. Sales went up by three percent in October."),
    ("sales", "I think we can be happy with that. It is the best month of the year."),
    ("stock", "I am not so sure. The target was five. We lost two big customers in the north."),
    ("chair", "Who was responsible for them?"),
    ("sales", "That was Peter, but he left in June. I took it over last week."),
    ("stock", "Did you speak to them? They want faster delivery, and not a lower price."),
    ("sales", "Not yet. I wanted to hear what you all think first. We could offer them a discount."),
    ("chair", "We did that before. It did not work. What should we do then?"),
    ("stock", "We could ship from the second warehouse. It is closer, and the trucks are half empty."),
    ("chair", "How much would that cost us?"),
    ("stock", "About two thousand dollars a month. That is cheaper than losing them."),
    ("sales", "I agree. Let us try it until March. I will write to them today."),
    ("chair", "Great. Is there anything else that we have to talk about?"),
    ("stock", "No, that is all from my side. Thank you, everyone."),
)

GARDEN_PARTY = (
    ("mother", "Hello, everybody. Can you both hear me?"),
    ("son", "Yes, we can. The line is very good today. Where are you?"),
    ("mother", "I am still in the office. I want to talk about the party for your grandfather."),
    ("aunt", "I have ordered the cake. It has apples in it, and it is big enough for forty people."),
    ("son", "Forty? I thought that only the family would come."),
    ("mother", "He has invited all of his neighbors. Nobody could stop him."),
    ("aunt", "Then we need more chairs. Do you still have the old ones in the garage?"),
    ("son", "Some of them are broken. I can bring twelve from my school if I ask tomorrow."),
    ("mother", "That would be lovely. What happens if it rains?"),
    ("aunt", "We move into the barn. My husband has cleaned it, and there is a new lamp above the door."),
    ("son", "Who is going to make a speech? Please do not look at me."),
    ("mother", "Your aunt will do it. She knows the best stories about him."),
    ("aunt", "I will try, but I always cry in the middle. Somebody has to hold my hand."),
)

READING = (
    "When I was young, my grandfather had a boat on the lake. Every summer he took us out before sunrise, and we came "
    "back after dark. He never talked much. Once a storm came up so quickly that we could not reach the shore. My "
    "brother held on to the mast, and I held on to him. My grandfather laughed and told us to sing. We sang every song "
    "that we knew until the wind died down."
)
"""What a voice reads to be enrolled; it is in none of the conversations."""

FEELINGS = (
    ("Anger", "This is an outrage, and I will not accept it."),
    ("Anger", "How dare you speak to me like that!"),
    ("Anger", "You lied to me. I hate the way that you treat your customers."),
    ("Anger", "I am furious about this bill."),
    ("Anger", "Give me your manager right now. This is unacceptable."),
    ("Excitement", "I cannot wait to see the new house!"),
    ("Excitement", "Wow, we won the first prize!"),
    ("Excitement", "This is so exciting. We leave for Africa tomorrow!"),
    ("Excitement", "Oh my goodness, she said yes!"),
    ("Excitement", "I am really looking forward to the concert."),
    ("Frustration", "I have called four times, and still nobody helps me."),
    ("Frustration", "It keeps crashing, whatever I do."),
    ("Frustration", "Why does this never work the way that it should?"),
    ("Frustration", "I have been waiting on this line for an hour."),
    ("Frustration", "I give up. Nothing that you told me works."),
    ("Joy", "Thank you so much, that makes me very happy."),
    ("Joy", "What a lovely present. I like it a lot."),
    ("Joy", "That is wonderful news about the baby."),
    ("Joy", "I am glad that we could talk today."),
    ("Joy", "The food was delicious, and we had great fun."),
    ("Sadness", "My dog died last night, and I miss him terribly."),
    ("Sadness", "I feel so alone since she left."),
    ("Sadness", "Unfortunately we lost the game. I am so disappointed."),
    ("Sadness", "I am sorry for your loss."),
    ("Sadness", "He cried when the shop had to close."),
    ("Neutral", "The office opens at nine on Monday."),
    ("Neutral", "I would like to change the address on my account."),
    ("Neutral", "Take the second street on the left."),
    ("Neutral", "The invoice was sent by post in April."),
    ("Neutral", "My number ends with four five six."),
)
"""Sentences and the feeling that a reader sees in them, as emotion recognition names it."""
