"""The written forms of an address, one table a grammar: what `parse` reads in each, and which place of a register each is linked to.

In PARSED a text stands beside its elements as `value/label`, a blank written _. The labels follow the corpora's conventions (see parse): on the
mainland 12-3号 is number 12 and house 3, 12号院 a place; in Taiwan 49-3號 is one number.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressing import AddressBase, resolve
from addressing.grammar import Grammar
from addressing.parse import parse
from addressing.text import comparable

MAINLAND = {
    "广东省深圳市坪山区坑梓街道龙田社区青松路12号和平花园二期3栋2单元5层501室": "广东省/prov 深圳市/city 坪山区/district 坑梓街道/town 龙田社区/community 青松路/road 12号/roadno 和平花园/poi 二期/subpoi 3栋/houseno 2单元/cellno 5层/floorno 501室/roomno",
    "内蒙古自治区锡林郭勒盟苏尼特右旗": "内蒙古自治区/prov 锡林郭勒盟/city 苏尼特右旗/district",
    "吉林省延边朝鲜族自治州延吉市": "吉林省/prov 延边朝鲜族自治州/city 延吉市/district",
    "浙江省温州市龙港镇": "浙江省/prov 温州市/city 龙港镇/town",
    "湖南省长沙县双兴村二组3号": "湖南省/prov 长沙县/district 双兴村/community 二组/road 3号/roadno",
    "青松路二十三号": "青松路/road 二十三号/roadno",
    "青松路廿三号": "青松路/road 廿三号/roadno",
    "青松路一四二号": "青松路/road 一四二号/roadno",
    "青松路一百零五号": "青松路/road 一百零五号/roadno",
    "青松路２３号": "青松路/road ２３号/roadno",
    "青松路第23号": "青松路/road 第23号/roadno",
    "和平花园3-2-501": "和平花园/poi 3/houseno -/redundant 2/cellno -/redundant 501/roomno",
    "和平花园3—2—501": "和平花园/poi 3/houseno —/redundant 2/cellno —/redundant 501/roomno",
    "和平花园３－２－５０１": "和平花园/poi ３/houseno －/redundant ２/cellno －/redundant ５０１/roomno",
    "和平花园3栋2单元501室": "和平花园/poi 3栋/houseno 2单元/cellno 501室/roomno",
    "和平花园3栋2单元501": "和平花园/poi 3栋/houseno 2单元/cellno 501/roomno",
    "和平花园三栋二单元五〇一室": "和平花园/poi 三栋/houseno 二单元/cellno 五〇一室/roomno",
    "和平花园3号楼2门501": "和平花园/poi 3号楼/houseno 2门/cellno 501/roomno",
    "和平花园A座1203": "和平花园/poi A座/houseno 1203/roomno",
    "和平花园3幢501房": "和平花园/poi 3幢/houseno 501房/roomno",
    "和平花园第3栋": "和平花园/poi 第3栋/houseno",
    "和平花园3#2-501": "和平花园/poi 3#/houseno 2/cellno -/redundant 501/roomno",
    "和平花园3栋地下一层": "和平花园/poi 3栋/houseno 地下一层/floorno",
    "和平花园3栋B1": "和平花园/poi 3栋/houseno B1/floorno",
    "和平花园3栋B1层": "和平花园/poi 3栋/houseno B1层/floorno",
    "和平花园3栋负一楼": "和平花园/poi 3栋/houseno 负一楼/floorno",
    "和平花园3栋地下2层": "和平花园/poi 3栋/houseno 地下2层/floorno",
    "青松路甲12号": "青松路/road 甲12号/roadno",
    "青松路12号甲": "青松路/road 12号甲/roadno",
    "青松路临5号": "青松路/road 临5号/roadno",
    "青松路臨5號": "青松路/road 臨5號/roadno",
    "青松路12号附3号": "青松路/road 12号/roadno 附3号/houseno",
    "青松路12-3号": "青松路/road 12/roadno -/redundant 3号/houseno",
    "青松路12之3号": "青松路/road 12之3号/roadno",
    "青松路12号之3": "青松路/road 12号之3/roadno",
    "青松路12号-3": "青松路/road 12号/roadno -/redundant 3/houseno",
    "青松路1-19号": "青松路/road 1-19号/roadno",
    "青松路1–19号": "青松路/road 1–19号/roadno",
    "青松路1~19号": "青松路/road 1~19号/roadno",
    "青松路1至19号": "青松路/road 1至19号/roadno",
    "青松路1号至19号": "青松路/road 1号/roadno 至/assist 19号/roadno",
    "青松路24、26号": "青松路/road 24、26号/roadno",
    "青松路24，26号": "青松路/road 24/roadno ，/redundant 26号/roadno",
    "青松路24号、26号": "青松路/road 24号/roadno 、/redundant 26号/roadno",
    "青松路24/26号": "青松路/road 24/26号/roadno",
    "青松路1弄2号": "青松路/road 1弄/subroad 2号/subroadno",
    "青松路35弄7号502室": "青松路/road 35弄/subroad 7号/subroadno 502室/roomno",
    "青松巷3号": "青松巷/road 3号/roadno",
    "青松胡同甲12号院3号楼2单元501室": "青松胡同/road 甲12号院/poi 3号楼/houseno 2单元/cellno 501室/roomno",
    "青松路12号院3号楼": "青松路/road 12号院/poi 3号楼/houseno",
    "廣東省深圳市坪山區坑梓街道青松路12號和平花園3棟2單元501室": "廣東省/prov 深圳市/city 坪山區/district 坑梓街道/town 青松路/road 12號/roadno 和平花園/poi 3棟/houseno 2單元/cellno 501室/roomno",
    "廣東省深圳市寶安區西鄉街道青松路12號": "廣東省/prov 深圳市/city 寶安區/district 西鄉街道/town 青松路/road 12號/roadno",
    "518000广东省深圳市坪山区青松路12号": "518000/redundant 广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "广东省深圳市坪山区青松路12号518000": "广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno 518000/redundant",
    "邮编518000 广东省深圳市坪山区青松路12号": "邮编/redundant 518000/redundant _/redundant 广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "中国广东省深圳市坪山区青松路12号": "中国/country 广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "中华人民共和国广东省深圳市坪山区青松路12号": "中华人民共和国/country 广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "门牌：深圳市坪山区青松路12号": "门牌/redundant ：/redundant 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "地址：深圳市坪山区青松路12号": "地址/redundant ：/redundant 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "參考地址：深圳市坪山区青松路12号": "參考地址/redundant ：/redundant 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "参考地址：青松路12号": "参考地址/redundant ：/redundant 青松路/road 12号/roadno",
    "详细地址:青松路12号": "详细地址/redundant :/redundant 青松路/road 12号/roadno",
    "深圳市深圳市坪山区青松路12号": "深圳市/redundant 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "广东省深圳市坪山区广东省深圳市坪山区青松路12号": "广东省/redundant 深圳市/redundant 坪山区/redundant 广东省/prov 深圳市/city 坪山区/district 青松路/road 12号/roadno",
    "浙江省温州市苍南县浙江省衢州市常山县青松路12号": "浙江省/redundant 温州市/redundant 苍南县/redundant 浙江省/prov 衢州市/city 常山县/district 青松路/road 12号/roadno",
    "青松路12号(和平花园对面)": "青松路/road 12号/roadno (/redundant 和平花园/poi 对面/assist )/redundant",
    "青松路12号（东门）": "青松路/road 12号/roadno （/redundant 东门/poi ）/redundant",
    "和平花园（二期）3栋501": "和平花园/poi （/redundant 二期/subpoi ）/redundant 3栋/houseno 501/roomno",
    "青松路12号附近": "青松路/road 12号/roadno 附近/assist",
    "青松路12号和平花园对面": "青松路/road 12号/roadno 和平花园/poi 对面/assist",
    "青松路12号旁边": "青松路/road 12号/roadno 旁边/assist",
    "和平花园附近": "和平花园/poi 附近/assist",
    "和平花园旁": "和平花园/poi 旁/assist",
    "青松路与白杨街交叉口12号": "青松路/road 与/assist 白杨街/subroad 交叉口/assist 12号/roadno",
    "青松路与白杨街交叉口东50米": "青松路/road 与/assist 白杨街/subroad 交叉口/assist 东/assist 50米/assist",
    "青松路和白杨街路口": "青松路/road 白杨街/road 路口/intersection",
    "青松路与白杨街、红梅路之间12号": "青松路/road 与/assist 白杨街/subroad 、/redundant 红梅路/subroad 之间/assist 12号/roadno",
    "青松路与白杨街之间": "青松路/road 白杨街/road 之间/assist",
    "青松路(白杨街与红梅路之间)12号": "青松路/road (/redundant 白杨街/subroad 与/assist 红梅路/subroad 之间/assist )/redundant 12号/roadno",
    "青松路12号楼下": "青松路/road 12号/roadno 楼下/assist",
    "和平花园3栋501室隔壁": "和平花园/poi 3栋/houseno 501室/roomno 隔壁/assist",
    "青松大道100号平安大厦12楼1203": "青松大道/road 100号/roadno 平安大厦/poi 12楼/floorno 1203/roomno",
    "青松路12号平安大厦十二层": "青松路/road 12号/roadno 平安大厦/poi 十二层/floorno",
    "青松路12号1201-1203室": "青松路/road 12号/roadno 1201-1203室/roomno",
    "青松路12号1201、1203室": "青松路/road 12号/roadno 1201、1203室/roomno",
    "青松东路二段12号": "青松东路/road 二段/subroad 12号/subroadno",
    "青松路北段12号": "青松路/road 北段/subroad 12号/subroadno",
    "青松国道3号": "青松国道/road 3号/roadno",
    "青松街23号3楼A02室": "青松街/road 23号/roadno 3楼/floorno A02室/roomno",
}  # fmt: skip

TAIWAN = {
    "臺北市大安區和平里3鄰青松路二段12巷3弄5號之2四樓之6": "臺北市/city 大安區/district 和平里/community 3鄰/village_group 青松路/road 二段/subroad 12巷/subroad 3弄/subroad 5號之2/subroadno 四樓之6/floorno",
    "台北市大安区和平里3邻青松路2段12巷3弄5号之2四楼之6": "台北市/city 大安区/district 和平里/community 3邻/village_group 青松路/road 2段/subroad 12巷/subroad 3弄/subroad 5号之2/subroadno 四楼之6/floorno",
    "臺灣省新竹縣竹北市中正里青松路5號": "臺灣省/prov 新竹縣/city 竹北市/district 中正里/community 青松路/road 5號/roadno",
    "台灣臺北市大安區青松路5號": "台灣/country 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "中華民國臺北市大安區青松路5號": "中華民國/country 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "106臺北市大安區青松路5號": "106/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "106409臺北市大安區青松路5號": "106409/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "10664 台北市大安區青松路5號": "10664/redundant _/redundant 台北市/city 大安區/district 青松路/road 5號/roadno",
    "臺北市106大安區青松路5號": "臺北市/city 106/redundant 大安區/district 青松路/road 5號/roadno",
    "屏東縣萬巒鄉五溝村2鄰大林5號": "屏東縣/city 萬巒鄉/district 五溝村/community 2鄰/village_group 大林/poi 5號/roadno",
    "南投縣埔里鎮東門里中山路5號": "南投縣/city 埔里鎮/district 東門里/community 中山路/road 5號/roadno",
    "青松路四段１２３巷５號２樓之３": "青松路/road 四段/subroad １２３巷/subroad ５號/subroadno ２樓之３/floorno",
    "青松路四段一二三巷五號二樓之三": "青松路/road 四段/subroad 一二三巷/subroad 五號/subroadno 二樓之三/floorno",
    "青松路四段廿三巷五號": "青松路/road 四段/subroad 廿三巷/subroad 五號/subroadno",
    "青松路四段二十三巷廿三號": "青松路/road 四段/subroad 二十三巷/subroad 廿三號/subroadno",
    "青松路一四二號": "青松路/road 一四二號/roadno",
    "青松路49-3號": "青松路/road 49-3號/roadno",
    "青松路49之3號": "青松路/road 49之3號/roadno",
    "青松路49號之3": "青松路/road 49號之3/roadno",
    "青松路49號-3": "青松路/road 49號-3/roadno",
    "青松路四十九之三號": "青松路/road 四十九之三號/roadno",
    "青松路四十九號之三": "青松路/road 四十九號之三/roadno",
    "青松路49-3號4樓之6": "青松路/road 49-3號/roadno 4樓之6/floorno",
    "青松路49號4樓-6": "青松路/road 49號/roadno 4樓-6/floorno",
    "青松路49號4F": "青松路/road 49號/roadno 4F/floorno",
    "青松路49號4F-6": "青松路/road 49號/roadno 4F-6/floorno",
    "青松路49號地下一層": "青松路/road 49號/roadno 地下一層/floorno",
    "青松路49號地下1樓": "青松路/road 49號/roadno 地下1樓/floorno",
    "青松路49號B1": "青松路/road 49號/roadno B1/floorno",
    "青松路49號B1樓": "青松路/road 49號/roadno B1樓/floorno",
    "青松路49號地下室": "青松路/road 49號/roadno 地下室/floorno",
    "青松路臨5號": "青松路/road 臨5號/roadno",
    "青松路臨時5號": "青松路/road 臨時5號/roadno",
    "青松路甲12號": "青松路/road 甲12號/roadno",
    "青松路12號甲": "青松路/road 12號甲/roadno",
    "青松路特5號": "青松路/road 特5號/roadno",
    "青松路1–19號": "青松路/road 1–19號/roadno",
    "青松路1-19號": "青松路/road 1-19號/roadno",
    "青松路1~19號": "青松路/road 1~19號/roadno",
    "青松路1號至19號": "青松路/road 1號/roadno 至/assist 19號/roadno",
    "青松路24、26號": "青松路/road 24、26號/roadno",
    "青松路24、26、28號": "青松路/road 24、26、28號/roadno",
    "青松路24號、26號": "青松路/road 24號/roadno 、/redundant 26號/roadno",
    "青松路12巷3弄7衖5號": "青松路/road 12巷/subroad 3弄/subroad 7衖/subroad 5號/subroadno",
    "青松路12-1巷5號": "青松路/road 12-1巷/subroad 5號/subroadno",
    "青松路二段10巷": "青松路/road 二段/subroad 10巷/roadno",
    "市民大道五段99號": "市民大道/road 五段/subroad 99號/subroadno",
    "門牌：臺北市大安區青松路5號": "門牌/redundant ：/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "參考地址：臺北市大安區青松路5號": "參考地址/redundant ：/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "地址：青松路5號": "地址/redundant ：/redundant 青松路/road 5號/roadno",
    "臺北市臺北市大安區青松路5號": "臺北市/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "臺北市大安區大安區青松路5號": "臺北市/city 大安區/district 大安區/redundant 青松路/road 5號/roadno",
    "臺北市信義區臺北市大安區青松路5號": "臺北市/redundant 信義區/redundant 臺北市/city 大安區/district 青松路/road 5號/roadno",
    "青松路5號(全家便利商店)": "青松路/road 5號/roadno (/redundant 全家便利商店/poi )/redundant",
    "青松路5號（對面）": "青松路/road 5號/roadno （/redundant 對面/assist ）/redundant",
    "青松路5號對面": "青松路/road 5號/roadno 對面/assist",
    "青松路5號附近": "青松路/road 5號/roadno 附近/assist",
    "青松路5號旁邊": "青松路/road 5號/roadno 旁邊/assist",
    "青松路5號旁": "青松路/road 5號/roadno 旁/assist",
    "青松路與白楊街交叉口": "青松路/road 與/assist 白楊街/subroad 交叉口/assist",
    "青松路、白楊街口": "青松路/road 、/redundant 白楊街/subroad 口/assist",
    "青松路與白楊街路口": "青松路/road 與/assist 白楊街/subroad 路口/assist",
    "青松路（白楊街與紅梅路之間）": "青松路/road （/redundant 白楊街/subroad 與/assist 紅梅路/subroad 之間/assist ）/redundant",
    "青松路與白楊街之間": "青松路/road 與/assist 白楊街/subroad 之間/assist",
    "青松路5號與7號之間": "青松路/road 5號/roadno 與/assist 7號/roadno 之間/assist",
    "青松路5號與7號中間": "青松路/road 5號/roadno 與/assist 7號/roadno 中間/assist",
    "和平里青松公園旁": "和平里/community 青松公園/poi 旁/assist",
    "捷運大安站附近": "捷運大安站/poi 附近/assist",
    "臺北市大安區仁愛里仁愛路三段5號": "臺北市/city 大安區/district 仁愛里/community 仁愛路/road 三段/subroad 5號/subroadno",
    "新市區大營里5鄰市民大道3號": "新市區/district 大營里/community 5鄰/village_group 市民大道/road 3號/roadno",
    "臺北市大安區和平里青松路5號3樓305室": "臺北市/city 大安區/district 和平里/community 青松路/road 5號/roadno 3樓/floorno 305室/roomno",
    "臺北市大安區青松路5號A棟3樓": "臺北市/city 大安區/district 青松路/road 5號/roadno A棟/houseno 3樓/floorno",
}  # fmt: skip

ROOM = "松白路12号翠湖花园3栋2单元303室"
LINKED_MAINLAND = {
    "松白路12号翠湖花园3栋2单元303室": ROOM,
    "翠湖花园3-2-303": ROOM,
    "翠湖花园３－２－３０３": ROOM,
    "翠湖花园三栋二单元三零三室": ROOM,
    "翠湖花园3幢2单元303房": ROOM,
    "翠湖花园3号楼2单元303": ROOM,
    "翠湖花园第3栋2单元303": ROOM,
    "翠湖花园3#2-303": ROOM,
    "翠湖花园3栋2门303": ROOM,
    "翠湖花园3座303": ROOM,
    "松白路十二号翠湖花园三栋二单元303": ROOM,
    "松白路12號翠湖花園3棟2單元303室": ROOM,
    "松白路12号（翠湖花园）3栋2单元303室": ROOM,
    "518106广东省深圳市光明区公明街道上村社区松白路12号翠湖花园3栋2单元303室": ROOM,
    "中国广东省深圳市光明区松白路12号翠湖花园3栋2单元303室": ROOM,
    "门牌：松白路12号翠湖花园3栋2单元303室": ROOM,
    "參考地址：松白路12号翠湖花园3栋2单元303室": ROOM,
    "地址:深圳市光明区松白路12号翠湖花园3栋2单元303室": ROOM,
    "深圳市深圳市光明区光明区松白路12号翠湖花园3栋2单元303室": ROOM,
    "宝安区光明区松白路12号翠湖花园3栋2单元303室": ROOM,
    "深圳市宝安区松白路12号翠湖花园3栋2单元303室": None,
    "平安大厦A座12楼1203室": "平安国际金融中心大厦A座1203",
    "翠湖花园3栋地下一层": "翠湖花园3栋",
    "翠湖花园3栋B1": "翠湖花园3栋",
    "翠湖花园3栋附近": "翠湖花园3栋",
    "翠湖花园对面": "翠湖花园",
    "翠湖花园3栋2单元303室旁边": "翠湖花园3栋",
    "松白路12号旁边": "松白路12号",
    "松白路与别墅路交叉口": "松白路",
    "松白路和别墅路路口": "松白路",
    "松白路与别墅路之间": "松白路",
    "别墅路1–5号": "别墅路1号",
    "别墅路1~5号": "别墅路1号",
    "别墅路1至5号": "别墅路1号",
    "别墅路1号至5号": "别墅路1号",
    "别墅路21、23号": "别墅路21号",
    "别墅路21号、23号": "别墅路21号",
    "别墅路二十三号": "别墅路23号",
    "别墅路廿三号": "别墅路23号",
    "别墅路二三号": "别墅路23号",
    "别墅路２３号": "别墅路23号",
    "别墅路第23号": "别墅路23号",
}
LINKED_TAIWAN = {
    "海東市青山區甲和里3鄰松濤路三段12巷5號二樓之3": "12巷5號二樓之3",
    "海东市青山区甲和里3邻松涛路三段12巷5号二楼之3": "12巷5號二樓之3",
    "松濤路3段12巷5號2樓之3": "12巷5號二樓之3",
    "松濤路三段十二巷五號二樓之三": "12巷5號二樓之3",
    "松濤路三段１２巷５號２樓之３": "12巷5號二樓之3",
    "松濤路三段12巷5號2樓-3": "12巷5號二樓之3",
    "松濤路三段12巷5號2F之3": "12巷5號二樓之3",
    "松濤路三段12巷4弄9-1號": "9之1號",
    "松濤路三段12巷4弄9之1號": "9之1號",
    "松濤路三段12巷4弄9號之1": "9之1號",
    "松濤路三段12巷4弄九之一號": "9之1號",
    "松濤路三段12巷4弄九號之一": "9之1號",
    "10664海東市青山區松濤路三段101號": "101號",
    "台灣海東市青山區松濤路三段101號": "101號",
    "中華民國海東市青山區松濤路三段101號": "101號",
    "門牌：海東市青山區松濤路三段101號": "101號",
    "參考地址：海東市青山區松濤路三段101號": "101號",
    "海東市海東市青山區松濤路三段101號": "101號",
    "海東市乙山區海東市青山區松濤路三段101號": "101號",
    "松濤路三段101號(對面)": "101號",
    "松濤路三段101號（全家）": "101號",
    "松濤路三段一百零一號": "101號",
    "松濤路三段一〇一號": "101號",
    "松濤路三段101–105號": "101號",
    "松濤路三段101、105號": "101號",
    "松濤路三段101號附近": "101號",
    "松濤路三段101號與105號之間": "101號",
    "廈港街臨6號": "廈港街臨6號",
    "廈港街臨六號": "廈港街臨6號",
    "廈港街30號地下一層": "30號地下一層",
    "廈港街30號地下1樓": "30號地下一層",
    "廈港街30號B1": "30號地下一層",
    "廈港街廿四號": "廈港街24號",
    "厦港街24号": "廈港街24號",
    "松濤路、廈港街交叉口": "松濤路",
    "松濤路一段與廈港街路口": "松濤路一段",
}
# Near a place is no room of it, and not the place as such.
NEAR = ("翠湖花园3栋附近", "翠湖花园对面", "翠湖花园3栋2单元303室旁边", "松白路12号旁边", "松白路与别墅路之间")


def elements(texts: list[str], grammar: str) -> list[str]:
    read = parse(pl.Series(texts), grammar).to_list()
    return [
        " ".join(f"{text[s['start'] : s['end']].replace(' ', '_')}/{s['label']}" for s in spans)
        for text, spans in zip(texts, read, strict=True)
    ]


@pytest.mark.parametrize(("grammar", "table"), [("mainland", MAINLAND), ("taiwan", TAIWAN)])
def test_each_written_form_is_read_into_its_elements(grammar: str, table: dict[str, str]) -> None:
    read = elements(list(table), grammar)
    assert [(text, got) for (text, wanted), got in zip(table.items(), read, strict=True) if got != wanted] == []


def linked(base: AddressBase, table: dict[str, str | None]) -> list[tuple[str, str | None]]:
    found = resolve(base, pa.table({"text": list(table)}))["matched_text"].to_pylist()
    return [
        (text, got)
        for (text, wanted), got in zip(table.items(), found, strict=True)
        if not (got is None if wanted is None else (got or "").endswith(wanted))
    ]


def test_each_written_form_is_linked_to_its_place_on_the_mainland(mainland: AddressBase) -> None:
    assert linked(mainland, LINKED_MAINLAND) == []
    near = resolve(mainland, pa.table({"text": list(NEAR)})).to_pylist()
    assert {row["level"] for row in near} <= {"building", "estate", "number", "road"}
    assert all("near" in row["reason"] for row in near)


def test_each_written_form_is_linked_to_its_place_in_taiwan(taiwan: AddressBase) -> None:
    assert linked(taiwan, LINKED_TAIWAN) == []


DIGITS = "零一二三四五六七八九"


def scaled(number: int) -> str:
    """23 → 二十三, 105 → 一百零五."""
    hundreds, tens, units = number // 100, number // 10 % 10, number % 10
    text = f"{DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += "十" if tens == 1 and not hundreds else f"{DIGITS[tens]}十"
    elif hundreds and units:
        text += "零"
    return text + (DIGITS[units] if units else "")


WAYS = {
    "arabic": str,
    "full width": lambda number: "".join(chr(0xFEE0 + ord(digit)) for digit in str(number)),
    "scaled": scaled,
    "digit by digit": lambda number: "".join(DIGITS[int(digit)] for digit in str(number)),
    "廿": lambda number: f"廿{DIGITS[number % 10]}" if 20 < number < 30 else scaled(number),
}
NAMES = st.lists(st.sampled_from("青松杨梅翠竹兰桂"), min_size=2, max_size=2, unique=True).map("".join)
COUNTS = st.integers(1, 399)
SMALL = st.integers(1, 29)
WAY = st.sampled_from(sorted(WAYS)).map(WAYS.get)
NUMBERED = ("village_group", "roadno", "subroad", "subroadno", "houseno", "cellno", "floorno", "roomno")


def parts_of(texts: list[str], grammar: str) -> list[list[tuple[str, str]]]:
    """(label, value) of each element but filler: names as written in one script, numbers as Arabic digits."""
    form = Grammar.load(grammar)
    values = []
    for text, spans in zip(texts, parse(pl.Series(texts), grammar).to_list(), strict=True):
        kept = [span for span in spans if span["label"] not in ("redundant", "country")]
        read = comparable(pl.Series([text[span["start"] : span["end"]] for span in kept], dtype=pl.String), form)
        digits = read.str.replace_all("[^0-9A-Z]+", " ").str.strip_chars()
        values.append([(span["label"], digits[i] if span["label"] in NUMBERED else read[i]) for i, span in enumerate(kept)])
    return values


@settings(max_examples=150, deadline=None)
@given(road=NAMES, estate=NAMES, number=COUNTS, house=SMALL, unit=st.integers(1, 9), floor=SMALL, door=st.integers(1, 9), data=st.data())
def test_generated_mainland_parts_are_read_back(
    road: str, estate: str, number: int, house: int, unit: int, floor: int, door: int, data: st.DataObject
) -> None:
    way = data.draw(WAY)
    lead = data.draw(st.sampled_from(["", "地址：", "门牌:", "518000", "中国", "邮编518000 "]))
    inside = data.draw(st.sampled_from(["words", "chain", "house by #", "no unit"]))
    room = f"{floor}{door:02d}"
    house_word = data.draw(st.sampled_from(["栋", "幢", "号楼", "座"]))
    said = {
        "words": f"{way(house)}{house_word}{way(unit)}单元{room}{data.draw(st.sampled_from(['室', '房', '']))}",
        "chain": f"{house}{data.draw(st.sampled_from(['-', '－', '—']))}{unit}-{room}",
        "house by #": f"{house}#{unit}单元{room}室",
        "no unit": f"{way(house)}{house_word}{room}室",
    }[inside]
    text = f"{lead}广东省深圳市坪山区坑梓街道{road}路{way(number)}号{estate}花园{said}"
    if data.draw(st.booleans()):
        text = text.translate(str.maketrans("广东区号园栋单楼兰杨", "廣東區號園棟單樓蘭楊"))
    units = [] if inside == "no unit" else [("cellno", str(unit))]
    assert parts_of([text], "mainland")[0] == [
        ("prov", "广东省"), ("city", "深圳市"), ("district", "坪山区"), ("town", "坑梓街道"), ("road", f"{road}路"), ("roadno", str(number)),
        ("poi", f"{estate}花园"), ("houseno", str(house)), *units, ("roomno", room),
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    road=NAMES, section=st.integers(0, 9), lane=st.integers(0, 399), alley=st.integers(0, 60), number=COUNTS, sub=st.integers(0, 30),
    floor=st.integers(0, 29), room=st.integers(0, 20), data=st.data(),
)  # fmt: skip
def test_generated_taiwan_parts_are_read_back(
    road: str, section: int, lane: int, alley: int, number: int, sub: int, floor: int, room: int, data: st.DataObject
) -> None:
    way = data.draw(WAY)
    lead = data.draw(st.sampled_from(["", "地址：", "門牌：", "參考地址：", "106", "10664 ", "台灣", "中華民國", "臺北市信義區"]))
    text = f"{lead}{data.draw(st.sampled_from(['臺北市', '台北市']))}大安區和平里{way(3)}鄰{road}路"
    street = [("subroad", section), ("subroad", lane), ("subroad", alley if lane else 0)]
    text += "".join(f"{way(value)}{word}" for (_, value), word in zip(street, "段巷弄", strict=True) if value)
    forms = [f"{way(number)}之{way(sub)}號", f"{number}-{sub}號"] if sub else [f"{way(number)}號"]
    if sub and not floor:  # 1號之11樓 could be 1號之1 and 1樓 as well
        forms += [f"{way(number)}號之{way(sub)}", f"{number}號-{sub}"]
    text += data.draw(st.sampled_from(forms))
    inside = []
    if floor:
        text += f"{way(floor)}樓" + (f"之{way(room)}" if room else "")
        inside = [("floorno", f"{floor} {room}" if room else str(floor))]
    if data.draw(st.booleans()):
        text = text.translate(str.maketrans("臺灣區鄰號樓門參華國蘭楊義", "台湾区邻号楼门参华国兰杨义"))
    on_road = not any(value for _, value in street)
    assert parts_of([text], "taiwan")[0] == [
        ("city", "台北市"), ("district", "大安区"), ("community", "和平里"), ("village_group", "3"), ("road", f"{road}路"),
        *((label, str(value)) for label, value in street if value),
        ("roadno" if on_road else "subroadno", f"{number} {sub}" if sub else str(number)), *inside,
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(house=st.integers(1, 3), unit=st.integers(1, 2), floor=st.integers(1, 4), door=st.integers(1, 2), data=st.data())
def test_a_door_is_found_by_any_of_its_written_forms(
    mainland: AddressBase, house: int, unit: int, floor: int, door: int, data: st.DataObject
) -> None:
    way = data.draw(WAY)
    lead = data.draw(st.sampled_from(["", "地址：", "518106广东省深圳市光明区", "上村社区", "光明区光明区"]))
    place = data.draw(st.sampled_from(["翠湖花园", f"松白路{way(12)}号翠湖花园"]))
    room = f"{floor}0{door + 2 * (unit - 1)}"
    said = data.draw(
        st.sampled_from(
            [
                f"{way(house)}栋{way(unit)}单元{room}",
                f"{house}-{unit}-{room}",
                f"{house}号楼{unit}单元{room}室",
                f"{house}幢{unit}门{room}房",
            ]
        )
    )
    found = resolve(mainland, pa.table({"text": [lead + place + said]})).to_pylist()[0]
    assert found["level"] == "room"
    assert found["matched_text"].endswith(f"翠湖花园{house}栋{unit}单元{room}室")
