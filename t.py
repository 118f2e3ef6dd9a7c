import time
from service.replay.calls import corpus
from service.replay.sides import *
from service.replay.reading import *
from service.replay.compare import compare
from service.replay.contract import faults
c=list(corpus(None))
site=Settings()
a=open_side(SideSpec("recorded"),site); b=open_side(SideSpec("build"),site)
from collections import Counter
n=Counter(); pairs=Counter()
t=time.time()
tf=0
for x in c:
    o=a.answer(x); w=b.answer(x)
    ro=read_answer(o.status,o.body,a.names); rw=read_answer(w.status,w.body,b.names)
    for k in compare(ro,rw): print(x.where,k)
    for card in rw.cards: pairs[(card.topic,card.pairs)]+=1
    t0=time.time(); f=faults(x,w.status,w.body); tf+=time.time()-t0
    if f: print(x.where,f)
print(len(c),time.time()-t,tf)
for k,v in sorted(pairs.items(), key=str): print(v,k)
