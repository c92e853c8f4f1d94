import time, pytest
P=["demo","yantian","nanshan","baoan","luohu","futian","longgang","longhua","guangming","dapeng","china_mobile","shanghai","pingshan"]
def test_x(city):
    for p in P:
        s=time.time(); c=city(p); print(p, round(time.time()-s,2))
        bad={}
        from contracts import tables
        for t in tables():
            try:
                b=c.broken_rules(t)
            except Exception as e:
                b=[repr(e)[:300]]
            if b: bad[t]=b
        print("   ", bad)
