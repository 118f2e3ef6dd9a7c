from service.replay.calls import corpus
from service.replay.sides import *
from service.replay.reading import *
site=Settings()
b=open_side(SideSpec("build"),site)
for x in corpus(None):
    w=b.answer(x)
    for card in read_answer(w.status,w.body,b.names).cards:
        if card.topic=='UPADACITINIBBIOLOGIC' and (not card.pairs or len(card.pairs)>4): print(x.where,card.pairs, card.shown['detail'][:1100])
